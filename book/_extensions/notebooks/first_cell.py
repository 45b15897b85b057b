"""The first cell of a downloaded notebook: it installs what the notebook needs.

The book's own package comes as a wheel, from the site or from beside the notebook; the rest comes
from where the reader's pip looks.
"""

from ..imports import imported

# The extras of lora_edu with the packages that ask for them. Whoever has peft has torch as well.
EXTRAS = {"peft": {"peft", "transformers"}, "torch": {"torch", "safetensors"}}
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


def extra_for(source: str) -> str:
    """The extra of lora_edu with what a notebook's code needs to run."""
    packages = {name.partition(".")[0] for name in imported(source, in_functions=True)}
    needed = (extra for extra, brought in EXTRAS.items() if brought & packages)
    return next(needed, "chapters")


def first_cell(source: str, wheel: str, site: str) -> str:
    """A cell that installs what a notebook's code needs. wheel: the file's name. site: the address
    of the built book with a slash at its end; "" where the wheel lies beside the notebook."""
    extra = extra_for(source)
    names = ["lora_edu", "plotly", "anywidget"]
    names += {"chapters": [], "torch": ["torch"], "peft": ["torch", "peft"]}[extra]
    install = (FROM_SITE if site else FROM_HERE).format(extra=extra, site=site, wheel=wheel)
    return CELL.format(names=names, install=("" if extra == "chapters" else TORCH) + install)
