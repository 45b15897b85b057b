"""Patience, for the machine may be busy."""

import time


def patiently(ask, seconds: float = 150):
    """What ``ask()`` gives as soon as it gives anything: the machine may be busy."""
    end = time.monotonic() + seconds
    while True:
        try:
            return ask()
        except (OSError, TypeError, AssertionError):
            if time.monotonic() > end:
                raise
            time.sleep(0.1)
