"""What the library's programs print, on any console and into any pipe."""

import os
import sys


def show(text: str) -> None:
    """Print a text; where nobody reads on, as after ``| head``, that is no error."""
    # a console may know less than UTF-8, and what is done must not end in an error
    sys.stdout.reconfigure(errors="backslashreplace")
    try:
        print(text, flush=True)
    except BrokenPipeError:
        # Python flushes once more when it leaves
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
