"""The register of claims: complete, and true to the chapters and the tests."""

import pytest

from book._extensions.content.claims import Register
from tests.small_book import write

CLAIM = "```{{prf:{kind}}} Its title\n:label: {label}\n\nWords. {body}\n```\n"
OBSERVATION = CLAIM.format(kind="observation", label="obs-one", body="")
SUMMARY = OBSERVATION + "\n```{admonition} The answer\n:name: a-answer\nNo reference.\n```\n"
WELL = {"_toc.yml": "format: jb-book\nroot: book/part1/a\nchapters:\n- file: book/answers/scale",
        "book/part1/a.md": OBSERVATION,
        "book/part1/a.claims.yml": "obs-one: {says: It holds., setup: one seed}",
        "book/answers/scale.md": "### Why not?\n\n{prf:ref}`obs-one`\n",
        "tests/test_a.py": '@pytest.mark.claim("obs-one")\ndef test_one(): ...'}


def problems(folder, changed):
    write(folder, WELL | changed)
    return Register(folder).problems()


def test_the_books_register_lacks_nothing():
    assert Register().problems() == []
    assert len(Register().blocks) > 60


WRONG = {  # what is changed, and what is said of it
    "no test": ({"tests/test_a.py": "def test_one(): ..."}, "obs-one"),
    "a test of no claim": (
        {"tests/test_a.py": '@pytest.mark.claim("obs-one", "thm-gone")\ndef test_one(): ...'},
        "tests/test_a.py: test_one names thm-gone, which no block has"),
    "no set-up": ({"book/part1/a.claims.yml": "{}"},
                  "obs-one must have says and setup; it has says"),
    "an entry of no claim": (
        {"book/part1/a.claims.yml": WELL["book/part1/a.claims.yml"] + "\nthm-gone: {says: So.}"},
        "no block is labelled thm-gone"),
    "no source": (
        {"book/part1/a.md": OBSERVATION + CLAIM.format(kind="remark", label="cit-a", body="")},
        "book/part1/a: cit-a cites nothing"),
    "a summary": ({"book/part1/a.md": SUMMARY}, "book/part1/a: a-answer rests on no claim"),
    "an answer": ({"book/answers/scale.md": "### Why?\n\nSo.\n"}, "rests on no claim: Why?"),
}


@pytest.mark.parametrize(("changed", "words"), WRONG.values(), ids=WRONG)
def test_what_is_missing_is_said(tmp_path, changed, words):
    [problem] = problems(tmp_path, changed)
    assert words in problem
