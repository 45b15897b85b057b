"""Write the states of an explorer as one JSON text, in which no value of a place stands twice.

The page's JavaScript (assets/decode.js) reads it. The text is a plain figure in which a place that
varies from state to state holds ``{"\\0": index, "of": values}``: in state i stands there the value
number ``index[i]``, which may itself have such places. Numbers in arrays are rounded where it is
not seen (see rounding.py). Hosts send the text compressed, so it is not packed any further.
"""

import json

from lora_edu.explore.rounding import rounded

VARIES = "\0"  # no key of a figure


def pack(states: list[dict]) -> str:
    """The JSON of a list of plain figures (see plain_figure.py), fit to stand in HTML."""
    text = json.dumps(_joined([rounded(state) for state in states]), separators=(",", ":"))
    return text.replace("<", "\\u003c")


def _joined(values: list):
    """What stands at one place in each state, as one value."""
    forms, index = _distinct([_form(value) for value in values])
    if len(forms) > 1:
        # One value a form. In it each state needs a value: one with another form has that of this
        # form's first state, which is stored anyway.
        firsts = [values[index.index(i)] for i in range(len(forms))]
        return {VARIES: index, "of": [
            _joined([value if j == i else firsts[i]
                     for value, j in zip(values, index, strict=True)])
            for i in range(len(forms))]}
    first = values[0]
    if isinstance(first, dict):
        return {key: _joined([value[key] for value in values]) for key in first}
    if _holds_parts(first):
        return [_joined(entries) for entries in zip(*values, strict=True)]
    distinct, index = _distinct(values)
    return {VARIES: index, "of": distinct} if len(distinct) > 1 else first


def _form(value):
    """What values must have in common to be joined part by part: keys, or number of parts."""
    if isinstance(value, dict):
        return list(value)
    return len(value) if _holds_parts(value) else None


def _holds_parts(value) -> bool:
    """True for a list of traces, axes, annotations …: parts that may vary one by one."""
    return isinstance(value, list) and any(isinstance(entry, dict) for entry in value)


def _distinct(values: list) -> tuple[list, list[int]]:
    """The distinct values in order of appearance, and each state's number among them."""
    numbers: dict = {}
    distinct = []
    index = []
    for value in values:
        key = json.dumps(value, sort_keys=True)
        if key not in numbers:
            numbers[key] = len(distinct)
            distinct.append(value)
        index.append(numbers[key])
    return distinct, index
