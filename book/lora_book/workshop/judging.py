"""Judge a text of the reader's, step by step: what is run is the file as it would stand, never what
a cell has defined."""

import numpy as np

from lora_book.shared.verdict import NotYet, agree, array

from .calls import history, in_sentences, in_words
from .file import books, completed, executed
from .slips import SLIPS
from .steps import Step, whole
from .trials import SHAPES, TRIALS

TOLD_APART = range(1, 5)  # the draws by which slips are told apart


def judge(step: Step, text: str) -> None:
    """Run a step's trial on a text, from the smallest shape on.

    Raises:
        NotYet: says what is wrong; NotAnswered where nothing stands there yet.
    """
    right = books(step.file)
    # what is not a number is said in words
    with np.errstate(all="ignore"), in_sentences(step.file):
        module = completed(text, step.file)
        for number in range(len(SHAPES)):
            wanted = outcome(step, right, number)
            history.clear()
            try:
                compare(outcome(step, module, number), wanted)
            except NotYet as problem:
                raise known_slip(step, module) or problem from None


def outcome(step: Step, module, number: int) -> dict | NotYet:
    """What a trial gives, by name, or what stopped it."""
    try:
        return TRIALS[step.name](module, np.random.default_rng(number), SHAPES[number])
    except NotYet as problem:
        return problem


def alike(one: dict | NotYet, other: dict | NotYet) -> bool:
    """Whether two trials gave the same, or were stopped by the same error."""
    if isinstance(one, NotYet) or isinstance(other, NotYet):
        error = getattr(one, "__cause__", None)
        return error is not None and repr(error) == repr(getattr(other, "__cause__", None))
    try:
        compare(one, other)
    except NotYet:
        return False
    return True


def compare(result: dict | NotYet, wanted: dict) -> None:
    """Raise NotYet with the first thing that is not as wanted, and the call that gave it."""
    if isinstance(result, NotYet):
        raise result
    for name, value in wanted.items():
        if isinstance(value, str):
            if result[name] != value:
                raise NotYet(f"{name} {result[name]}; expected {value}.")
            continue
        try:
            agree({name: array(name, value)}, [result[name]])
        except NotYet as problem:
            raise NotYet(*problem.args, in_words(result[name], value)) from None


def known_slip(step: Step, module) -> NotYet | None:
    """The sentence of the slip that gives the same."""
    outcomes = {number: outcome(step, module, number) for number in TOLD_APART}
    for slip in SLIPS[step.name]:
        wrong = executed(slip.made_in(whole(step.file)), "a slip")
        if all(alike(readers, outcome(step, wrong, number))
               for number, readers in outcomes.items()):
            return NotYet(slip.sentence)
    return None
