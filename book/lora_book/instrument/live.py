"""The instrument in a notebook: the page's front, with Python's runs behind it."""

import re
from pathlib import Path

import anywidget
import traitlets

from .task import trained

FOLDER = Path(__file__).parent
MODULES = ("portrait", "draws", "settings", "steps", "engine", "drawing", "bars", "phrases",
           "address", "words", "pad", "runs", "front", "notebook")
DATA = re.compile(r'^import (\w+) from "\./(\w+\.json)".*$', re.M)
EXCHANGE = re.compile(r"^(import .*|export \{.*|export (?!default))", re.M)


def module() -> str:
    """The scripts as one, because a kernel has no bundler: no two have a name in common."""
    text = "\n".join((FOLDER / f"{name}.js").read_text("utf-8") for name in MODULES)
    text = DATA.sub(lambda data: f"const {data[1]} = {(FOLDER / data[2]).read_text()};", text)
    return EXCHANGE.sub("", text)


class LiveInstrument(anywidget.AnyWidget):
    """Answers {id, settings} with the run of these settings as one buffer, or with an error."""

    _esm = module()
    _css = FOLDER / "instrument.css"
    html = traitlets.Unicode().tag(sync=True)

    def __init__(self, shown):
        super().__init__(html=shown.html())
        self.code = shown.code
        self.on_msg(self._answer)

    def _answer(self, _, message: dict, buffers) -> None:
        try:
            run = trained(message["settings"], self.code)
        except Exception as bad:  # said in the view: a callback has nowhere to raise to
            self.send({"id": message["id"], "error": str(bad)})
        else:
            self.send({"id": message["id"]}, [run.buffer()])
