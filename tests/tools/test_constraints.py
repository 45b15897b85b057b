"""Each dependency, of Binder too, has a version that is known to work."""

import re
import tomllib

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.book import REPOSITORY

PROJECTS = [tomllib.loads((REPOSITORY / name).read_text(encoding="utf-8"))["project"]
            for name in ("pyproject.toml", "book/pyproject.toml")]
OURS = {project["name"] for project in PROJECTS}
# The tools of Your settings have an environment of their own.
EXTRAS = [lines for project in PROJECTS
          for name, lines in project["optional-dependencies"].items() if name != "tools"]
WANTED = [line for lines in (*(project["dependencies"] for project in PROJECTS), *EXTRAS)
          for line in map(Requirement, lines) if line.name not in OURS]


def test_each_has_a_known_version():
    """But torch, whose builds differ between machines. (pip refuses one that is not allowed.)"""
    text = (REPOSITORY / "constraints.txt").read_text(encoding="utf-8")
    known = set(map(canonicalize_name, re.findall(r"^([\w.-]+)==", text, re.MULTILINE)))
    assert {canonicalize_name(line.name) for line in WANTED} - known == {"torch"}
