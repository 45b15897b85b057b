"""Which pages ``python -m book.lab`` copies, and what the copies are called.

JupyterLab lists files by name: a number in front puts them in the order of the contents.
"""

from pathlib import Path

from .. import myst

FOLDER = "notebooks"
ON_SITE_ALONE = {"claims", "eval-rst"}  # directives whose content the build makes


def copy_names(root: Path) -> dict[str, str]:
    """The pages that say something as notebooks, in the order of the contents.

    Args:
        root: the repository.

    Returns:
        Page → file, such as "book/part1/step-zero" → "04-step-zero.ipynb".
    """
    pages = [page for page in myst.page_names(root) if _stands_alone(root / f"{page}.md")]
    return {page: f"{number:02}-{stem(page)}.ipynb" for number, page in enumerate(pages)}


def stem(page: str) -> str:
    return page.rpartition("/")[2]


def _stands_alone(file: Path) -> bool:
    directives = myst.directives(file.read_text(encoding="utf-8"))
    return ON_SITE_ALONE.isdisjoint(part.name for part in directives)
