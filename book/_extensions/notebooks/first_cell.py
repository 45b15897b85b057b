"""The first cell of a downloaded notebook: it installs what the notebook needs.

The book's own package comes as a wheel, from the site or from beside the notebook; the rest comes
from where the reader's pip looks.
"""

import re

CELL = '''\
# Run this cell first: it installs what this notebook needs, where Python does not have it yet.
import sys
from importlib.util import find_spec
from pathlib import Path

assert sys.version_info >= (3, 11), f"Python 3.11 or newer is needed, this is {{sys.version}}"
if not all(map(find_spec, {names})):
{install}'''
TORCH = "    %pip install --quiet torch --index-url https://download.pytorch.org/whl/cpu\n"
FROM_SITE = '    %pip install --quiet "lora_edu[{extra}] @ {site}wheels/{wheel}"'
FROM_HERE = '''\
    assert Path("{wheel}").is_file(), "{wheel} came with this notebook: unpack the whole zip file"
    %pip install --quiet "./{wheel}[{extra}]"'''


def extra_for(page: str, source: str) -> str:
    """The extra of lora_edu with what a page needs to run."""
    if page.startswith("book/part3/"):
        return "peft"
    return "torch" if re.search(r"\btorch\b|lora_edu\.nn\b", source) else "chapters"


def first_cell(page: str, source: str, wheel: str, site: str) -> str:
    """A cell that installs what a page's code needs. wheel: the file's name. site: the address of
    the built book with a slash at its end; "" where the wheel lies beside the notebook."""
    extra = extra_for(page, source)
    names = ["lora_edu", "plotly", "anywidget"]
    names += {"chapters": [], "torch": ["torch"], "peft": ["torch", "peft"]}[extra]
    install = (FROM_SITE if site else FROM_HERE).format(extra=extra, site=site, wheel=wheel)
    return CELL.format(names=names, install=("" if extra == "chapters" else TORCH) + install)
