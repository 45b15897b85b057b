"""The built site on a port of this machine, and pages that may ask nobody else for anything."""

import re

import pytest

from book.browser import HTML, served
from lora_edu.explore.bundle import npm_file
from tests.site import devices
from tests.site.explorers import is_drawn
from tests.site.pages import EXPLORERS, bare_page

collect_ignore_glob = [] if HTML.is_dir() else ["test_*.py"]  # `make test-browser` builds first


def place(item) -> tuple[str, str]:
    """The page that a case of a test is about, or "", and the device."""
    case = item.callspec.params if hasattr(item, "callspec") else {}
    page = str(case.get("page") or getattr(case.get("built"), "page", ""))
    return page.removesuffix(".html"), case.get("device", "desk")


@pytest.hookimpl(tryfirst=True)  # before tests are chosen by their marks
def pytest_collection_modifyitems(items):
    """Page by page and device by device, so that ``reader`` loads each page once a device; of
    several processes that share the tests, one has all tests of a page."""
    items.sort(key=place)
    for item in items:
        item.add_marker(pytest.mark.xdist_group(place(item)[0] or "any"))


@pytest.fixture(scope="session")
def site():
    """The address of the site, ending in a slash."""
    with served(HTML) as address:
        yield address


class Visit:
    """A reader at a page of the site, and what went wrong meanwhile.

    script: runs before the page's own. answer: pattern → what is done with such a request.
    """

    def __init__(self, browser, base: str, device: str, script: str = "",
                 answer: dict | None = None, **options):
        self.base, self.problems, self.requests = base, [], []
        self.context = browser.new_context(**devices.DEVICES[device] | options)
        self.context.add_init_script(script)
        self.context.on("request", self._request)
        self.context.add_init_script(devices.COUNT_SHIFTS)
        self.page = self.context.new_page()
        for pattern, respond in (answer or {}).items():
            self.page.route(pattern, respond)
        self.page.set_default_timeout(60_000)  # the machine may be busy
        self.page.on("pageerror", lambda error: self.problems.append(f"error: {error}"))
        self.page.on("console", lambda message: message.type in ("error", "warning")
                     and self.problems.append(f"console: {message.text}"))

    def _request(self, request) -> None:
        self.requests.append(request.url)
        if devices.ELSEWHERE.match(request.url):
            self.problems.append(f"asked for {request.url}")

    def expect(self, pattern: str) -> None:
        """Take back the problems that a test has caused itself."""
        self.problems = [problem for problem in self.problems if not re.match(pattern, problem)]

    def no_problems(self) -> None:
        """Fail, once, if there were any."""
        problems, self.problems = self.problems, []
        assert problems == []

    def open(self, path: str, until: str = "load") -> None:
        self.page.goto("about:blank")  # so that an address that differs in its hash is loaded too
        self.page.goto(self.base + path, wait_until=until)

    def resize(self, width: int, height: int) -> None:
        """Another window, in px; it has come when the page knows of it."""
        self.page.set_viewport_size({"width": width, "height": height})
        self.page.wait_for_function("([width, height]) => innerWidth === width "
                                    "&& innerHeight === height", arg=[width, height])
        self.page.evaluate(devices.TWO_FRAMES)

    def read_through(self, page: str) -> None:
        """Open a page, note what it asks for at rest, then scroll past every explorer."""
        self.open(page)
        self.page.wait_for_load_state("networkidle")
        self.requests_at_rest = list(self.requests)
        for built in EXPLORERS:
            if built.page == page:
                self.show(built.name)
        self.page.evaluate(devices.TWO_FRAMES)
        self.shifts = self.page.evaluate("shifts")
        self.requests_when_read = list(self.requests)

    def show(self, name: str):
        """Touch the page, scroll to an explorer, wait until it is drawn; its element."""
        self.page.mouse.move(2, 2)
        root = self.page.locator(f"#explorer-{name}")
        root.locator(".explorer-plot").evaluate(
            "(box) => box.scrollIntoView({ block: 'center', behavior: 'instant' })")
        is_drawn(root)
        root.dispatch_event("pointerdown")
        return root

    def start(self, name: str):
        """The same, at its first position."""
        root = self.show(name)
        root.locator('[data-do="reset"]').dispatch_event("click")  # which Home does not show
        return root

    def axe(self, only: str | None = None) -> list[str]:
        """What axe finds on the page, a line a rule; only: of this rule."""
        self.page.add_script_tag(path=npm_file("axe-core/axe.min.js"))
        return self.page.evaluate(devices.AXE, only)


@pytest.fixture
def visit(browser, site):
    """``visit(path, device, …)`` → a fresh Visit; after the test, none may have complained."""
    visits = []

    def start(path: str, device: str = "desk", base: str = site, until: str = "load",
              **options) -> Visit:
        visits.append(Visit(browser, base, device, **options))
        visits[-1].open(path, until)
        return visits[-1]

    yield start
    for each in visits:
        each.context.close()
        each.no_problems()


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """(A folder, its address), for pages that a test makes."""
    path = tmp_path_factory.mktemp("made")
    with served(path) as address:
        yield path, address


@pytest.fixture
def opened(folder, visit):
    """``opened(html, …)`` → a Visit, as visit gives it, of a page that holds this alone."""
    def start(html: str, **options):
        bare_page(folder[0], html)
        return visit("page.html", base=folder[1], **options)

    return start


LEFT_OPEN = {}  # what ``reader`` was asked last → the Visit it gave


@pytest.fixture
def reader(browser, site):
    """``reader(page, device)`` → a Visit that has read through the page; tests share it."""
    def again(page: str, device: str = "desk") -> Visit:
        if (page, device) not in LEFT_OPEN:
            while LEFT_OPEN:
                LEFT_OPEN.popitem()[1].context.close()
            LEFT_OPEN[page, device] = Visit(browser, site, device)
            LEFT_OPEN[page, device].read_through(page)
        return LEFT_OPEN[page, device]

    yield again
    for tab in LEFT_OPEN.values():
        tab.no_problems()
