"""Chromium for the tests that look at a page. Imports the standard library only."""

from __future__ import annotations

import os
import shutil

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync"]


def launch(playwright):
    """The system's Chromium (or the one that CHROMIUM names), headless, asking nobody anything."""
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    return playwright.chromium.launch(executable_path=chromium, args=FLAGS)
