"""Is it the same book twice? python -m tests.verify [FIRST SECOND]

Builds the book twice from clean, with another hash seed and another number of threads, into
_build/verify, and compares every page: every number, the text around it, and every state of every
explorer, decoded. Given two built sites, it compares those. What depends on the clock or on the
processor is listed in tests/verify.yml with its tolerance; everything else must be equal. Prints
the differences, and ends with 1 if there are any.
"""

from __future__ import annotations

import difflib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from lora_edu.explore import stored
from lora_edu.explore.codec import as_lists, unpack

REPOSITORY = Path(__file__).parents[1]
ALLOWED = REPOSITORY / "tests" / "verify.yml"
BUILDS = ({"PYTHONHASHSEED": "0", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
          {"PYTHONHASHSEED": "12345", "OPENBLAS_NUM_THREADS": "2", "OMP_NUM_THREADS": "2"})
NUMBER = re.compile(r"(?<![\w.])[-−+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?", re.IGNORECASE)
STATES = re.compile(r'(<script[^>]*class="explorer-states"[^>]*>)([^<]*)</script>')
SECTION = re.compile(r'<section[^>]* id="([^"]+)"')


@dataclass(frozen=True)
class Allowed:
    """On ``page``, lines in which ``where`` is found (a regular expression, over "section: line")
    may differ: their numbers by ``tolerance`` as a share of the larger one, or anything if it is
    None. ``why``: in words."""

    page: str
    where: str
    why: str
    tolerance: float | None = None

    def covers(self, page: str, place: str, one: str, two: str) -> bool:
        if page != self.page or not all(re.search(self.where, f"{place}: {line}")
                                        for line in (one, two)):
            return False
        return self.tolerance is None or near(one, two, self.tolerance)


def near(one: str, two: str, tolerance: float) -> bool:
    """Whether two lines say the same but for numbers that are near each other."""
    if NUMBER.sub("#", one) != NUMBER.sub("#", two):
        return False
    pairs = zip(*([float(found.replace("−", "-")) for found in NUMBER.findall(line)]
                  for line in (one, two)), strict=True)
    return all(abs(a - b) <= tolerance * max(abs(a), abs(b)) for a, b in pairs)


def lines(html: str) -> list[tuple[str, str]]:
    """A page as (section, line) pairs, the states of its explorers unpacked, a line each."""
    def decoded(found: re.Match) -> str:
        states = [json.dumps(as_lists(state)) for state in unpack(found[2])]
        return "\n".join([found[1], *states, "</script>"])

    section, found = "", []
    for line in STATES.sub(decoded, html).splitlines():
        section = ([section, *SECTION.findall(line)])[-1]
        found.append((section, line.strip()))
    return found


def differences(page: str, one: str, two: str, allowed: list[Allowed]) -> Iterator[str]:
    """What differs between two builds of a page and is not allowed to, a line each."""
    before, after = lines(one), lines(two)
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    for kind, i, i_end, j, j_end in matcher.get_opcodes():
        if kind == "equal":
            continue
        if i_end - i != j_end - j:
            yield f"{page}: {before[i:i_end]!r:.300} became {after[j:j_end]!r:.300}"
            continue
        for (place, old), (_, new) in zip(before[i:i_end], after[j:j_end], strict=True):
            if not any(entry.covers(page, place, old, new) for entry in allowed):
                yield f"{page}, {place}: {parted(old, new)}"


def parted(old: str, new: str) -> str:
    """The two lines from shortly before the place at which they part."""
    same = (i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b)
    at = max(0, next(same, min(len(old), len(new))) - 40)
    return f"…{old[at:at + 160]!r} became …{new[at:at + 160]!r}"


def compare(first: Path, second: Path, allowed: list[Allowed]) -> list[str]:
    """All differences between two built sites."""
    pages = [{str(file.relative_to(site)): file for file in sorted(site.rglob("*.html"))
              if "_static" not in file.relative_to(site).parts} for site in (first, second)]
    found = [f"{page}: built once only" for page in sorted(pages[0].keys() ^ pages[1].keys())]
    for page in sorted(pages[0].keys() & pages[1].keys()):
        texts = (stored.whole(each[page].read_text(encoding="utf-8"), site / "_static")
                 for site, each in zip((first, second), pages, strict=True))
        found += differences(page.removesuffix(".html"), *texts, allowed)
    return found


def build(folder: Path, settings: dict[str, str]) -> Path:
    """Build the book from clean, however long a cell takes; the folder of its pages."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    config = yaml.safe_load((REPOSITORY / "_config.yml").read_text(encoding="utf-8"))
    config["execute"]["timeout"] = -1
    extensions = config["sphinx"]["local_extensions"]  # found from where the configuration lies
    extensions |= {name: str(REPOSITORY / path) for name, path in extensions.items()}
    (folder / "_config.yml").write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    command = [str(Path(sys.executable).with_name("jupyter-book")), "build", str(REPOSITORY),
               "--path-output", str(folder), "--config", str(folder / "_config.yml")]
    subprocess.run(command, cwd=REPOSITORY, env={**os.environ, **settings}, check=True)
    return folder / "_build" / "html"


def main() -> None:
    allowed = [Allowed(**entry) for entry in yaml.safe_load(ALLOWED.read_text(encoding="utf-8"))]
    sites = [Path(argument) for argument in sys.argv[1:]] or [
        build(REPOSITORY / "_build" / "verify" / str(number), settings)
        for number, settings in enumerate(BUILDS, start=1)]
    found = compare(*sites, allowed)
    print(*found, f"{len(found)} differences between {sites[0]} and {sites[1]}", sep="\n")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
