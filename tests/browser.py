"""Chromium for the tests that look at a page, and patience. Imports the standard library only."""

import os
import shutil
import time

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         # A request to another machine fails. (A route would also do without the browser's cache.)
         "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]


def executable() -> str | None:
    """The browser that CHROMIUM names, or else the system's Chromium; its headless shell is
    preferred, for a window of its own costs as much as a page."""
    return (os.environ.get("CHROMIUM") or shutil.which("chromium-headless-shell")
            or shutil.which("chromium"))


def launch(playwright):
    """That browser: headless, asking nobody anything."""
    return playwright.chromium.launch(executable_path=executable(), args=FLAGS)


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
