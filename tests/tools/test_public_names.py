"""Each public name of the library has an example that runs, and a place on the page of the library.

The examples themselves are run as doctests.
"""

import importlib
import pkgutil
import re
from pathlib import Path
from types import ModuleType

import lora_edu

PAGE = (Path(__file__).parents[2] / "book" / "api.md").read_text(encoding="utf-8")
MODULES = ["lora_edu", "lora_edu.examine", "lora_edu.nn", "lora_edu.nn.convert",
           "lora_edu.explore"]


def test_the_page_of_the_library_has_every_public_name_once():
    directives = re.findall(r"^\.\. (?:currentmodule:: (\S+)|(?:auto|py:)\w+:: (\S+))$", PAGE,
                            re.MULTILINE)
    module = None
    documented = []
    for new, name in directives:
        module = new or module
        if name:
            documented.append((module, name))
    assert sorted(documented) == sorted(
        (module, name) for module in MODULES for name in importlib.import_module(module).__all__)


def test_no_module_is_hidden_by_a_function_of_its_name():
    for module in pkgutil.walk_packages(lora_edu.__path__, "lora_edu."):
        if module.name.rpartition(".")[2] != "__main__":
            importlib.import_module(module.name)
            package, _, name = module.name.rpartition(".")
            assert isinstance(getattr(importlib.import_module(package), name), ModuleType)


def test_the_example_on_the_page_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code = re.search(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)[1]
    names = {}
    exec(code, names)
    assert [type(layer).__name__ for layer in names["model"]] == ["Linear", "ReLU", "Linear"]
    assert (tmp_path / "my-adapter" / "adapter_config.json").is_file()
