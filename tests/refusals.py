"""What is refused: the error, and in its message the argument, its value and what is allowed."""

import re

import numpy as np
import pytest
import torch

SEVERAL = (list, tuple, np.ndarray, torch.Tensor)


def refuses(words, error, call):
    """Fail unless ``call`` raises the error with these words, in order; … between them is any."""
    pattern = ".*".join(map(re.escape, words.split(" … ")))
    with pytest.raises(error, match=f"(?s){pattern}"):
        call()


def refuses_each(error, call, **bad):
    """The same of every value in the lists: the message begins with the argument's name and ends
    with what it got. ``call`` has a good value for each other argument."""
    for name, values in bad.items():
        for value in values:
            # of several numbers the message has the one that is wrong, or the shape
            shown = "" if isinstance(value, SEVERAL) else re.escape(repr(value)[:60])
            with pytest.raises(error, match=rf"(?s)^{name}\b.* must .*got .*{shown}"):
                call(**{name: value})


def rows(values, types):
    """(words, error, case) of a table of ValueErrors, words → case, and of one of TypeErrors."""
    return [(words, error, case) for error, table in ((ValueError, values), (TypeError, types))
            for words, case in table.items()]
