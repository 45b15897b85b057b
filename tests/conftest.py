"""One Hypothesis profile for every test, and one Chromium for the tests that look at a page."""

import os

import pytest
from hypothesis import settings

os.environ.setdefault("OMP_NUM_THREADS", "1")  # matrices are small: for torch, which comes later
settings.register_profile("repeatable", deadline=None, derandomize=True, max_examples=60)
settings.load_profile("repeatable")


@pytest.hookimpl(tryfirst=True)  # before tests are chosen by their marks
def pytest_collection_modifyitems(items):
    """What asks for a browser is marked so, wherever it lies."""
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker("browser")


@pytest.fixture(scope="session")
def browser():
    """Chromium; started when the first test asks for it."""
    from playwright.sync_api import expect, sync_playwright

    from book.browser import launch

    expect.set_options(timeout=120_000)  # ms: the machine may be busy, and WebAssembly slow
    with sync_playwright() as playwright:
        chromium = launch(playwright)
        yield chromium
        chromium.close()
