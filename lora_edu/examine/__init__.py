"""A LoRA file, examined: what each module learned, what its scale is, and what is wrong.

With NumPy alone, so that it runs in a browser as well: ``rows`` are the numbers
of a module, ``base`` what the base's weights add, ``faults`` what is looked for,
``questions`` how, and ``report`` the text.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from lora_edu import checks
from lora_edu.examine.base import read_base
from lora_edu.examine.faults import FAULTS
from lora_edu.examine.questions import Case
from lora_edu.examine.report import as_text, in_a_line
from lora_edu.examine.rows import Row, natural, row_of, row_without_numbers
from lora_edu.examine.starts import likely_starts
from lora_edu.findings import Diagnosis, diagnose
from lora_edu.formats.convention import A_STARTS, Convention, convention
from lora_edu.formats.lora_file import UNUSABLE, LoraFile, read

__all__ = ["examine"]

METHODS_OF_BA = ("LoRA", "DoRA")  # of which s·B·A is at least a part


class Stopped(Exception):
    """Somebody stopped an examination: ``progress`` returned False."""


class SharedScale(NamedTuple):
    """A rank and a scale, and how many modules have both, by the same α and rule."""

    r: int
    alpha: float
    scale: float
    rule: str
    modules: int


class BesideStart(NamedTuple):
    """A beside a start: medians over the modules, NaN where there are none.

    ratio: its spread in that of the start. at_least, about: how far it is from it, see Row.moved.
    """

    ratio: float
    at_least: float
    about: float


@dataclass(frozen=True, repr=False)
class Examination:
    """What :func:`examine` returns; it prints as a report, and is one line in a REPL.

    rows: one a module, by name, 2 before 10. findings: what may be wrong, the worst first. layout:
    ``"peft"``, ``"kohya"``, ``"diffusers"``, ``"mlx"``, or ``"unknown"`` for the keys of another
    library, which do not say s. settings, metadata: as they stand there. start: how A began, one of
    the book's, where the file or its tool says so. whole: the shapes of weights beside A and B.
    """

    name: str
    layout: str
    rows: tuple[Row, ...]
    findings: Diagnosis
    settings: dict[str, Any]
    metadata: dict[str, str]
    start: str | None = None
    whole: dict[str, tuple[int, ...]] = field(default_factory=dict)

    @property
    def is_wrong(self) -> bool:
        """Whether there is an error or a warning; notes are none."""
        return any(finding.severity != "note" for finding in self.findings)

    def map(self) -> tuple[list[str], list[str], np.ndarray]:
        """(blocks, parts, the RMS entry of each ΔW, NaN where there is none): where it learned."""
        blocks = list(dict.fromkeys(row.block for row in self.rows))
        parts = list(dict.fromkeys(row.part for row in self.rows))
        entries = np.full((len(blocks), len(parts)), np.nan)
        for row in self.rows:
            if row.rule == UNUSABLE:
                continue
            entries[blocks.index(row.block), parts.index(row.part)] = row.rms
        return blocks, parts, entries

    def scales(self) -> list[SharedScale]:
        """The commonest first; without those of unknown s."""
        counted = Counter((row.r, row.alpha, row.scale, row.rule) for row in self.rows
                          if row.scale is not None)
        return [SharedScale(*key, modules) for key, modules in counted.most_common()]

    def beside_start(self, start: str) -> BesideStart:
        """How wide A is beside such a start, and how far from it.

        Raises ValueError for an unknown start.
        """
        checks.choice("start", start, A_STARTS)
        rows = [row for row in self.rows if row.starts]
        if not rows:
            return BesideStart(np.nan, np.nan, np.nan)
        ratios = [row.sigma / row.starts[start] for row in rows]
        at_least, about = np.transpose([row.moved(start) for row in rows])
        is_told = np.isfinite(about)
        usual = float(np.median(about[is_told])) if is_told.mean() > 1 / 2 else np.nan
        return BesideStart(float(np.median(ratios)), float(np.median(at_least)), usual)

    def commonest(self, strength: float = 1.0) -> Convention | None:
        """The commonest rank, and its scale at a strength; None where no scale is above 0."""
        strength = checks.number("strength", strength, above=0.0)
        for shared in self.scales():
            if shared.scale > 0:
                widths = [row.shape[1] for row in self.rows if row.shape and row.r == shared.r]
                return convention("a plain scale", shared.r, scale=shared.scale * strength,
                                  start=self.likely_starts()[0], k=int(np.median(widths)))
        return None

    def likely_starts(self) -> tuple[str, ...]:
        """How A began, if the file says so, or else each way it may have, the likeliest first."""
        return likely_starts(self.layout, self.start, self.rows)

    def elsewhere(self) -> dict[str, str]:
        """{tool: the settings that give the commonest rank and scale there}; see convention."""
        common = self.commonest()
        return common.elsewhere if common else {}

    def as_dict(self) -> dict[str, Any]:
        """All of it as JSON can hold it; None for what is not known."""
        rows = [{**vars(row), "norm": row.norm, "rms": row.rms, "stable_rank": row.stable_rank,
                 "rank_90": row.rank_holding(0.9), "rank_99": row.rank_holding(0.99),
                 "sigma": row.sigma} for row in self.rows]
        return _plain({"name": self.name, "layout": self.layout, "settings": self.settings,
                       "metadata": self.metadata, "start": self.start, "whole": self.whole,
                       "rows": rows, "elsewhere": self.elsewhere(),
                       "findings": [finding._asdict() for finding in self.findings]})

    def __repr__(self) -> str:
        return in_a_line(self)

    def report(self, whole: bool = False) -> str:
        """What matters, in words; whole: with a table of modules and the scale in other tools."""
        return as_text(self, checks.flag("whole", whole))

    def __str__(self) -> str:
        return self.report()


def examine(source: str | os.PathLike | bytes, config: Any = None, *,
            alpha: float | None = None, base: str | os.PathLike | None = None,
            progress: Callable[[int, int], Any] | None = None) -> Examination:
    """Read a LoRA file of PEFT, kohya, diffusers or MLX, and report its contents and its faults.

    ΔW is never formed. A file is mapped into memory and read one module at a time. Patterns in its
    settings are matched as in PEFT, so patterns in an untrusted file can take forever: run it where
    you can stop it.

    Args:
        source: A folder, a ``.safetensors`` file, or its bytes.
        config: The settings, for a file or bytes in PEFT's or MLX's layout: the path of
            adapter_config.json or of its folder, its bytes, or a dict. None uses the settings in
            the file's folder.
        alpha: α of modules for which neither the file nor the settings give it; refused where
            there are none.
        base: The weights of the model that the adapter is for, a ``.safetensors`` or a folder with
            some. They are used to check names, shapes, and the rounding of a merge into bfloat16.
        progress: Called with (modules done, of how many). If it returns False,
            ``lora_edu.examine.Stopped`` is raised.

    Returns:
        An examination, which prints as a report. Its ``findings`` are possible faults, the worst
        first, as in the doctor; ``is_wrong``: whether there are more than notes. ``rows``: one per
        module, with ``layer``, ``r``, ``alpha``, ``scale`` (None if the file does not give it; the
        numbers are then for s = 1), ``rule``, ``shape``, ``dtypes``, ``norm_A``, ``norm_B``,
        ``norm``, ``rms`` (of ΔW's entries), ``singular_values``, ``energy`` (the share of ‖ΔW‖² in
        the first 1, 2, …), ``stable_rank``, ``rank_holding(share)``, ``sigma`` (the spread of A),
        ``starts`` (that of each known start) and ``moved(start)``. ``map()``: ``rms`` by block and
        part.
        ``beside_start(start)``: how far A moved. ``start``: its initialisation, if known.
        ``report(whole=True)``: everything as text. ``elsewhere()``: the settings in other tools.
        ``as_dict()``: everything for JSON.

    Raises:
        OSError: For a file that is missing or cannot be read.
        TypeError: For an argument of the wrong type.
        ValueError: For a file that is not a safetensors file (a pickle, a page, a pointer of Git
            LFS), is incomplete, has a wrong header, or holds no matrices of an adapter. The message
            says which.

    Example:
        >>> from safetensors.numpy import save
        >>> rng = np.random.default_rng(0)
        >>> weights = {"base_model.model.q.lora_A.weight": rng.standard_normal((2, 8)),
        ...            "base_model.model.q.lora_B.weight": rng.standard_normal((6, 2))}
        >>> examination = examine(save(weights), {"r": 2, "lora_alpha": 4})
        >>> row = examination.rows[0]
        >>> row.layer, row.r, row.scale, round(row.norm, 2), row.rank_holding(0.9)
        ('q', 2, 2.0, 13.51, 2)
    """
    if progress is not None and not callable(progress):
        raise TypeError(f"progress must be a function of (done, all), got {progress!r:.100}")
    if alpha is not None:
        alpha = checks.number("alpha", alpha, above=0.0)
    held = read(source, config, alpha=alpha)
    usable = [module for module in held.modules.values() if held.is_whole(module)]
    if alpha is not None and usable and not any(map(held.needs_alpha, usable)):
        raise ValueError("alpha must be left out, because every module has its own scale, got "
                         f"{alpha:g}")
    weights = None if base is None else read_base(base)
    rows = tuple(sorted(_rows(held, progress), key=natural))
    available = set() if base is None else {"base"}
    findings = diagnose(FAULTS, Case(held, rows, weights), available)
    return Examination(held.name, held.layout.name, rows, findings, dict(held.settings.values),
                       held.metadata, held.start, held.whole)


def _rows(held: LoraFile, progress: Callable[[int, int], Any] | None) -> Iterator[Row]:
    """The numbers of each module."""
    for done, (name, module) in enumerate(held.modules.items()):
        if progress is not None and progress(done, len(held.modules)) is False:
            raise Stopped(f"stopped after {done} of {len(held.modules)} modules")
        if module.method in METHODS_OF_BA and held.is_whole(module):
            row = row_of(name, module, held.scale_of(module), held.layout.transposed)
            yield replace(row, starts={}) if held.has_other_start else row
        else:
            yield row_without_numbers(name, module)
    if progress is not None:
        progress(len(held.modules), len(held.modules))


def _plain(value: Any) -> Any:
    """A value as JSON can hold it."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [_plain(item) for item in value]
    if isinstance(value, (set, frozenset)):  # as PEFT's to_dict has its targets
        return sorted(map(str, value))
    if isinstance(value, float):
        return float(value) if np.isfinite(value) else None
    return value if isinstance(value, (str, int)) or value is None else str(value)
