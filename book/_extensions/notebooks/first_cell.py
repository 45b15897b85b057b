"""The first cell of a downloaded notebook: it installs what the notebook needs.

The book's own two packages come as wheels, from the site or from beside the notebook; the rest
comes from where the reader's pip looks.
"""

from ..imports import imported

# The extras of lora_book with the packages that ask for them. Whoever has peft has torch as well.
EXTRAS = {"peft": {"peft", "transformers"}, "torch": {"torch", "safetensors"}}
CELL = '''\
# Run this cell first: it installs the packages that this notebook needs and Python lacks.
import sys
from importlib.util import find_spec
from pathlib import Path

assert sys.version_info >= (3, 11), f"Python 3.11 or newer is needed, but this is {{sys.version}}"
if not all(map(find_spec, {names})):
{install}'''
TORCH = "    %pip install --quiet torch --index-url https://download.pytorch.org/whl/cpu\n"
FROM_SITE = ('    %pip install --quiet "lora_edu @ {site}wheels/{library}" '
             '"lora_book{extra} @ {site}wheels/{book}"')
FROM_HERE = '''\
    assert Path("{book}").is_file(), "{book} came with this notebook: unpack the whole zip file"
    %pip install --quiet "./{library}" "./{book}{extra}"'''


def extra_for(source: str) -> str:
    """The extra of lora_book with what a notebook's code needs to run; "" for none."""
    packages = {name.partition(".")[0] for name in imported(source, in_functions=True)}
    needed = (extra for extra, brought in EXTRAS.items() if brought & packages)
    return next(needed, "")


def first_cell(source: str, wheels: list[str], site: str) -> str:
    """A cell that installs what a notebook's code needs. wheels: their file names. site: the
    address of the built book with a slash at its end; "" where the wheels lie beside the
    notebook."""
    library, book = wheels
    extra = extra_for(source)
    names = ["lora_book", "plotly", "anywidget"]
    names += {"": [], "torch": ["torch"], "peft": ["torch", "peft"]}[extra]
    brackets = f"[{extra}]" if extra else ""
    install = (FROM_SITE if site else FROM_HERE).format(
        extra=brackets, site=site, library=library, book=book)
    return CELL.format(names=names, install=(TORCH if extra else "") + install)
