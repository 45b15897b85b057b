"""The register of claims: complete, and true to the chapters and the tests."""

from pathlib import Path

import pytest

from book._extensions.content.claims import Register

THEOREM = """```{{prf:{kind}}} Its title
:label: {label}

Words. {body}
```
"""

OBSERVATION = THEOREM.format(kind="observation", label="obs-one", body="")


@pytest.fixture
def book(tmp_path):
    """Writes a small book with one claim that lacks nothing; parts can be replaced."""
    def write(page=OBSERVATION, entries="obs-one: {says: It holds., setup: one seed}",
              test='@pytest.mark.claim("obs-one")\ndef test_one(): ...', more=()):
        names = ["book/part1/a", *(name.removesuffix(".md") for name in dict(more))]
        toc = "\n".join(f"- file: {name}" for name in names)
        files = {"_toc.yml": toc, "book/part1/a.md": page, "book/part1/a.claims.yml": entries,
                 "tests/test_a.py": test, **dict(more)}
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            Path(tmp_path / name).write_text(text, encoding="utf-8")
        return Register(tmp_path)
    return write


def test_the_books_register_lacks_nothing():
    assert Register().problems() == []
    assert len(Register().blocks) > 60


def test_a_complete_register_has_no_problems(book):
    assert book().problems() == []


def test_a_claim_without_a_test_is_found(book):
    assert "no test is marked" in book(test="def test_one(): ...").problems()[0]


def test_a_test_of_no_claim_is_found(book):
    found = book(test='@pytest.mark.claim("obs-one", "thm-gone")\ndef test_one(): ...').problems()
    assert found == ["tests/test_a.py: test_one names thm-gone, which no block has"]


def test_a_block_without_an_entry_and_an_entry_without_a_block_are_found(book):
    found = book(entries="obs-two: {says: It holds., setup: one seed}").problems()
    assert found == ["book/part1/a: obs-one has no entry in book/part1/a.claims.yml",
                     "book/part1/a.claims.yml: no block is labelled obs-two"]


def test_a_label_that_two_blocks_have_is_found(book):
    assert book(page=OBSERVATION + "\n" + OBSERVATION).problems() == [
        "2 blocks are labelled obs-one"]


@pytest.mark.parametrize("entry", ["{says: It holds.}", "{says: a, setup: b, stup: c}"])
def test_an_entry_with_other_fields_is_found(book, entry):
    assert "obs-one must have says and setup" in book(entries=f"obs-one: {entry}").problems()[0]


def test_a_label_of_no_kind_is_found(book):
    found = book(page=THEOREM.format(kind="theorem", label="prop-one", body=""), entries="{}",
                 test="").problems()
    assert found[0].startswith("book/part1/a: the label prop-one must begin with one of thm,")


@pytest.mark.parametrize(("body", "fine"), [("{cite}`hu2022lora`", True), ("By others.", False)])
def test_a_cited_claim_needs_its_source_and_no_test(book, body, fine):
    found = book(page=THEOREM.format(kind="remark", label="cit-one", body=body),
                 entries="cit-one: {says: They report it.}", test="").problems()
    assert found == ([] if fine else ["book/part1/a: cit-one cites nothing"])


@pytest.mark.parametrize(("line", "fine"), [
    ("{prf:ref}`obs-one`.", True), ("{prf:ref}`so <obs-one>`.", True),
    ("No reference.", False), ("{prf:ref}`obs-two`.", False)])
def test_a_line_of_a_summary_rests_on_a_claim(book, line, fine):
    page = OBSERVATION + f"\n## In three lines\n\n- {{prf:ref}}`obs-one`\n- {line}\n\n## A\n"
    assert len(book(page=page).problems()) == (0 if fine else 1)


def test_an_answer_rests_on_a_claim(book):
    answers = {"book/part4/answers.md": "### Why?\n\nSo.\n\n### Why not?\n\n{prf:ref}`obs-one`\n"}
    assert book(more=answers).problems() == ["book/part4/answers: rests on no claim: Why?"]
