"""The film at the top of README, and the picture that a shared link shows, taken from the built
site:

    make book && .venv/bin/python -m book.pictures

They lie in book/images. Each frame is an explorer at a position, as a link to it names it; what a
shared link shows is the top of Home.
"""

import io
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from book._extensions.site import addresses
from book.browser import HTML, launch, served

IMAGES = Path(__file__).with_name("images")
STEPS = (0, 1, 2, 3, 5, 8, 12, 20, 30)
ROAD = "thirty-minutes#"
# The film: a link to a position, and how long it is seen, in milliseconds.
FILM = [*((f"{ROAD}word?start=b&t={t}", 1500 if t in (1, 30) else 450) for t in STEPS),
        *((f"{ROAD}word?start=both&t={t}", 250) for t in STEPS),
        (ROAD + "strides?alpha=8", 900), (ROAD + "strides?alpha=16", 600),
        (ROAD + "strides?alpha=32", 2000)]
CARD = (".bd-header-article, .instrument-buttons, .instrument-step, .instrument-panel, figcaption"
        " { display: none !important } .cell + ul, section > section { visibility: hidden }")


def main() -> None:
    with served(HTML) as address, sync_playwright() as playwright:
        site = f"{address}book/"
        browser = launch(playwright)
        write_film(browser.new_page(viewport={"width": 720, "height": 900}), site)
        write_card(browser.new_page(viewport={"width": 1200, "height": 630}), site)


def write_film(page: Page, site: str) -> None:
    """The frames on one canvas, since explorers differ in height."""
    shown = [(taken(page, site, position), time) for position, time in FILM]
    size = max(frame.width for frame, _ in shown), max(frame.height for frame, _ in shown)
    frames = []
    for frame, _ in shown:
        canvas = Image.new("RGB", size, "white")
        canvas.paste(frame)
        frames.append(canvas.quantize(128))
    frames[0].save(IMAGES / "film.gif", save_all=True, append_images=frames[1:], loop=0,
                   duration=[time for _, time in shown], optimize=True)


def write_card(page: Page, site: str) -> None:
    page.goto(f"{site}index.html")
    card = Image.open(io.BytesIO(page.screenshot(style=CARD))).convert("RGB")
    card.quantize(128).save(IMAGES / addresses.PICTURE, optimize=True)


def taken(page: Page, site: str, position: str) -> Image.Image:
    """An explorer at a position."""
    name, link = position.split("#")
    page.goto(f"{site}{name}.html#{link}")
    found = page.locator(f"#explorer-{link.split('?')[0]} .explorer-view")
    found.scroll_into_view_if_needed()
    page.wait_for_timeout(1200)  # the plot is drawn when it comes into sight
    return Image.open(io.BytesIO(found.screenshot())).convert("RGB")


if __name__ == "__main__":
    main()
