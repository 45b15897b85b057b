"""One Hypothesis profile for every test, and one Chromium for the tests that look at a page."""

import pytest
from hypothesis import settings

settings.register_profile("repeatable", deadline=None, derandomize=True, max_examples=60)
settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def browser():
    """Chromium; started when the first test asks for it."""
    from playwright.sync_api import expect, sync_playwright

    from tests.browser import launch

    expect.set_options(timeout=60_000)  # the machine may be busy
    with sync_playwright() as playwright:
        chromium = launch(playwright)
        yield chromium
        chromium.close()
