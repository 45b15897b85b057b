"""The numbers of one module, without its ΔW: from two thin QR factorisations and their core."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from lora_edu import checks
from lora_edu.findings import on_one_line
from lora_edu.formats import tensors
from lora_edu.formats.convention import A_STARTS
from lora_edu.formats.lora_file import Module, Scale
from lora_edu.formats.tensors import Tensor

LARGEST = 1e100  # of a core's numbers
BLOCK = 4096  # rows of a tall matrix that are in the memory in float64 at one time
# the last number that counts layers, as in "layers.3.", "h.3.", "attentions_0_"; not "to_out.0"
PLACE = re.compile(r"(.*(?:s|layer|block|\bh)[._]\d+)[._](.+)", re.DOTALL)


@dataclass(frozen=True, eq=False, repr=False)
class Row:
    """One module.

    layer: its name. block, part: the same in two, for a map: "model.layers.3", "self_attn.q_proj".
    method: "LoRA", or what it is instead; with "DoRA" the numbers are those of s·B·A alone.
    shape: (d, k) of ΔW, a convolution's k being all that one output sees. dtypes: of A and B.
    scale: s, None where the file does not say, and then the numbers are those of s = 1.
    norm_A, norm_B: ‖A‖, ‖B‖ (Frobenius). singular_values: of ΔW = s·B·A, falling. They are NaN
    where A, B or BA is not finite (or above 1e100, whose squares would not be), and where it is no
    product of two matrices. starts: the spread with
    which each start that the book knows would have drawn A; none for an A that is zero or that a
    start drew which the book does not know.
    """

    layer: str
    block: str
    part: str
    method: str
    r: int | None
    alpha: float | None
    scale: float | None
    rule: str
    shape: tuple[int, int] | None
    dtypes: tuple[str, ...]
    norm_A: float
    norm_B: float
    singular_values: np.ndarray
    starts: dict[str, float]

    def __repr__(self) -> str:
        s = "unknown" if self.scale is None else f"{self.scale:.4g}"
        return (f"<Row {on_one_line(self.layer)}: {self.method}, shape = {self.shape}, "
                f"r = {self.r}, s = {s}, norm = {self.norm:.3g}>")

    @property
    def norm(self) -> float:
        """‖ΔW‖, Frobenius."""
        return float(np.linalg.norm(self.singular_values))

    @property
    def rms(self) -> float:
        """The root mean square of ΔW's entries, ‖ΔW‖/√(d·k), which a larger matrix leaves alone."""
        return self.norm / np.sqrt(np.prod(self.shape)) if self.shape else np.nan

    @property
    def is_known(self) -> bool:
        """Whether there are numbers."""
        return bool(np.isfinite(self.singular_values).all())

    @property
    def energy(self) -> np.ndarray:
        """The share of ‖ΔW‖² that the first 1, 2, … r components hold; NaN for a ΔW of zero."""
        squares = (self.singular_values / (self.singular_values[0] or np.nan)) ** 2
        sums = squares.cumsum()
        return sums / sums[-1]  # the sum in this order, so that all of them hold 1 exactly

    @property
    def stable_rank(self) -> float:
        """‖ΔW‖²/σ₁²: how many directions of the strongest's strength it would take."""
        return float(1 / self.energy[0])

    def rank_holding(self, share: float) -> int | None:
        """The fewest components that hold this share of ‖ΔW‖²; 0 for a ΔW of zero.

        None where there are no numbers.
        Raises TypeError or ValueError for a share that is not above 0 and at most 1.
        """
        if not 0 < checks.number("share", share) <= 1:
            raise ValueError(f"share must be greater than 0 and at most 1, got {share!r}")
        if not self.is_known:
            return None
        return int(np.sum(self.energy < share)) + 1 if self.norm > 0 else 0

    @property
    def sigma(self) -> float:
        """The spread of A: the root of the mean square of its entries."""
        return self.norm_A / np.sqrt(self.r * self.shape[1]) if self.shape else np.nan

    def moved(self, start: str) -> tuple[float, float]:
        """How far A is from such a start, in parts of the start's length: (at least, about).

        At least: no shorter way changes the length so much. About: where A went at a right angle to
        its start, as it does when each entry is pushed without regard to what it was. It is NaN
        where the length does not tell it: where A is shorter than it was, as with weight decay, and
        where the two lengths are as near as those of two draws (then at least is 0). Both are NaN
        where there is no A that was drawn. Raises ValueError for an unknown start.
        """
        checks.choice("start", start, A_STARTS)
        if not self.starts:
            return np.nan, np.nan
        ratio = self.sigma / self.starts[start]
        by_chance = 3 / np.sqrt(self.r * self.shape[1])  # twice what ‖A₀‖² of a draw is off
        if abs(ratio**2 - 1) <= by_chance:
            return 0.0, np.nan
        about = np.sqrt(ratio**2 - 1) if ratio > 1 else np.nan
        return float(abs(ratio - 1)), float(about)


def row_of(name: str, module: Module, scale: Scale, transposed: bool) -> Row:
    """The numbers of a module whose A and B fit."""
    A = tall(module.A, columns=not transposed)  # (k, r)
    B = tall(module.B, columns=transposed)  # (d, r)
    r = A.shape[1]
    R_A = _r_factor(A, module.A.dtype)
    R_B = _r_factor(B, module.B.dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        core = R_B @ R_A.T
        norm_A = float(np.linalg.norm(R_A))
        norm_B = float(np.linalg.norm(R_B))
    values = np.full(min(r, len(A), len(B)), np.nan)
    if (abs(core) < LARGEST).all():
        s = 1.0 if scale.s is None else scale.s
        values = abs(s) * np.linalg.svd(core, compute_uv=False)
    is_drawn = norm_A > 0 and not module.is_embedding  # whose A begins at zero
    starts = {start: spread(r, len(A)) for start, spread in A_STARTS.items() if is_drawn}
    return Row(name, *place_of(name), module.method, r, scale.alpha, scale.s, scale.rule,
               (len(B), len(A)), (module.A.dtype, module.B.dtype), norm_A,
               norm_B, values, starts)


def row_without_numbers(name: str, module: Module) -> Row:
    """A module of another method, or of which a part is missing."""
    dtypes = tuple(matrix.dtype for matrix in (module.A, module.B) if matrix is not None)
    return Row(name, *place_of(name), module.method, None, module.alpha, None, "", None, dtypes,
               np.nan, np.nan, np.array([np.nan]), {})


def place_of(name: str) -> tuple[str, str]:
    """(block, part) of a module's name; no block where nothing in it counts layers."""
    match = PLACE.fullmatch(name)
    return (match[1], match[2]) if match else ("", name)


def natural(row: Row) -> str:
    """What rows are sorted by, so that layer 2 stands before layer 10."""
    return re.sub(r"\d+", lambda digits: digits[0].zfill(6), row.layer)


def lost(rows: list[Row], keep: int) -> float:
    """The share of the square of all that is beyond the first components of each."""
    whole = sum(row.norm**2 for row in rows)
    return sum(np.sum(row.singular_values[keep:]**2) for row in rows) / whole


def tall(matrix: Tensor, columns: bool) -> np.ndarray:
    """The file's own numbers of A or B as (side, r), a convolution's as if it were a matrix."""
    raw = matrix.raw()
    raw = raw.reshape(len(raw), -1)
    return raw.T if columns else raw


def _r_factor(raw: np.ndarray, dtype: str) -> np.ndarray:
    """R of a thin QR factorisation of a tall matrix; NaN in it where the matrix is not finite."""
    R = np.zeros((0, raw.shape[1]))
    for start in range(0, len(raw), BLOCK):
        block = tensors.wide(raw[start:start + BLOCK], dtype)
        if not np.isfinite(block).all():
            return np.full((1, raw.shape[1]), np.nan)
        R = np.linalg.qr(np.vstack([R, block]), mode="r")
    return R
