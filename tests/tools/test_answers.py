"""The entries of a page of answers."""

import pytest

from book._extensions.content.answers import entries

ENTRY = "(answer-one)=\n### Why α?\n% asked: dim, lr\n\n**Because of\nr.** A reason.\n"


def test_an_entry_is_its_label_its_question_and_its_verdict():
    text = f"# Answers\n\n{ENTRY}\n(other)=\n## Others\n\n{ENTRY.replace('one', 'two')}"
    assert list(entries(text)) == [(label, "Why α?", "**Because of r.**")
                                   for label in ("answer-one", "answer-two")]


@pytest.mark.parametrize("text", [ENTRY.replace("**", ""), ENTRY.replace("**B", "Say **b")])
def test_an_answer_without_a_verdict_is_named(text):
    with pytest.raises(ValueError, match="answer-one has no verdict"):
        list(entries(text))
