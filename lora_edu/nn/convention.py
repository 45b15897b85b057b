"""What a tool's settings mean: the scale, A's start, the first stride, the same run elsewhere.

Each tool is a row of one table, with the place in its source that says so, as read in November
2026. Versions are those of PyPI; kohya's sd-scripts and diffusers' scripts are named by commit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from lora_edu import checks
from lora_edu.adapter import scaling

A_STARTS = {  # the standard deviation of A's entries, for rank r and input width k
    "kaiming_uniform": lambda r, k: 1 / math.sqrt(3 * k),  # U(±1/√k)
    "peft_gaussian": lambda r, k: 1 / r,  # N(0, 1/r²)
    "he_uniform": lambda r, k: math.sqrt(2 / k)}  # U(±√(6/k))
POWERS = {"Adam": 1, "AdamW": 1, "Lion": 1, "SGD": 2, "momentum": 2}  # of s in the first stride


class Tool(NamedTuple):
    """One row. r, alpha: when nothing is said (None: must be said; for MLX alpha is the scale).

    writes: how the settings are written. unsaid: what happens when α is not. has_rslora: whether it
    knows α/√r. start: one of A_STARTS. source: where this stands.
    """

    r: int | None
    alpha: float | str | None
    writes: str
    unsaid: str
    start: str
    has_rslora: bool
    source: str


TOOLS = {
    "PEFT": Tool(8, 8, "r={r}, lora_alpha={alpha:g}", "α is 8 at every rank", "kaiming_uniform",
                 True, "peft 0.21.2, tuners/lora/config.py:632, 652; layer.py:279, 338"),
    "kohya": Tool(4, 1, "--network_dim={r} --network_alpha={alpha:g}",
                  "α is 1 in training (0 means r); a file without α keys is loaded with α = r",
                  "kaiming_uniform", False, "sd-scripts 02298e3, networks/lora.py:71–77, "
                  "create_network, create_network_from_weights"),
    "diffusers": Tool(4, 4, "--rank={r} --lora_alpha={alpha:g}",
                      "α is 4 in the script; a file without α is loaded with α = r, each module",
                      "peft_gaussian", False, "examples/dreambooth/train_dreambooth_lora_flux2.py "
                      "at 79c1107; diffusers 0.42.1, utils/peft_utils.py:158–174"),
    "MLX": Tool(8, 20.0, "rank: {r}, scale: {scale:g}",
                "the scale is 20 at every rank; with its η of 1e-5, Adam's first stride is that of "
                "s = 1 at 2e-4, but A moves 20 times less", "kaiming_uniform", False,
                "mlx-lm 0.32.2, lora.py:65, 77; tuner/lora.py:84–98"),
    "torchtune": Tool(None, None, "lora_rank: {r}, lora_alpha: {alpha:g}", "", "kaiming_uniform",
                      False, "torchtune 0.6.1, modules/peft/lora.py:138, 305"),
    "LlamaFactory": Tool(8, "2r", "lora_rank: {r}, lora_alpha: {alpha:g}", "α is 2r",
                         "kaiming_uniform", True, "llamafactory 0.9.5, hparams/finetuning_args.py:"
                         "568; model/adapter.py:235 (PEFT)"),
    "Keras": Tool(None, "r", "rank={r}, lora_alpha={alpha:g}", "α is r", "he_uniform", False,
                  "keras 3.15.1, layers/core/dense.py:238, 295, 213"),
    "loralib": Tool(None, 1, "r={r}, lora_alpha={alpha:g}", "α is 1", "kaiming_uniform", False,
                    "loralib 0.1.2, layers.py:39, 50"),
    "Unsloth": Tool(16, 16, "r={r}, lora_alpha={alpha:g}", "α is 16 at every rank",
                    "kaiming_uniform", True, "unsloth 2026.10.9, models/llama.py:4571–4584 (PEFT)"),
    "a plain scale": Tool(None, None, "r={r}, s={scale:g}", "", "kaiming_uniform", False,
                          "the formula W0 + s·B·A"),
}


@dataclass(frozen=True)
class Convention:
    """What :func:`convention` returns."""

    tool: str
    r: int
    alpha: float
    scale: float
    sigma: float
    optimiser: str
    stride: float
    when_r_changes: str
    elsewhere: dict[str, str]
    warnings: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join([
            f"{self.tool}, r = {self.r}: s = {self.scale:.4g}, A starts at σ = {self.sigma:.3g}",
            f"{self.optimiser}'s first stride in W is {self.stride:.4g}·η",
            f"for another r: {self.when_r_changes}",
            *(f"warning: {text}" for text in self.warnings)])


def convention(tool: str, r: int | None = None, alpha: float | None = None, *,
               scale: float | None = None, rslora: bool = False, optimiser: str = "AdamW",
               start: str | None = None, k: int = 1024) -> Convention:
    """Read settings as a tool reads them.

    Args:
        tool: One of :data:`TOOLS`.
        r: The rank; None is the tool's default.
        alpha: What the tool calls α; None is its default. MLX and a plain scale have none.
        scale: s itself, in place of alpha.
        rslora: Whether s = α/√r.
        optimiser: ``"Adam"``, ``"AdamW"``, ``"Lion"``, ``"SGD"`` or ``"momentum"``.
        start: How A is drawn, one of ``"kaiming_uniform"``, ``"peft_gaussian"``, ``"he_uniform"``;
            None is the tool's way.
        k: The width of the layer's input, for sigma.

    Returns:
        A frozen dataclass, which prints as a few lines. ``scale``: s in ΔW = s·B·A. ``sigma``: the
        standard deviation of A's entries at the start, where B is zero. ``stride``: the first step
        in W is η·stride times what s does not enter; it is s under Adam (ε → 0) and Lion, and s²
        under SGD. ``when_r_changes``: what keeps the expected useful part of that step at another
        rank. ``elsewhere``: {tool: the settings that give this scale there}, with a note where A
        starts wider. ``warnings``: what was not said, and what follows.

    Raises:
        TypeError, ValueError: For a value that is not possible, for a tool that has no such
            setting, and for one that must be given.

    Example:
        >>> found = convention("kohya", r=16)
        >>> found.scale, found.stride, found.warnings[0][:24]
        (0.0625, 0.0625, 'α is 1 in training (0 me')
        >>> convention("PEFT", r=16, alpha=32).elsewhere["MLX"]
        'rank: 16, scale: 2'
    """
    row = TOOLS[checks.choice("tool", tool, TOOLS)]
    plain = "{scale" in row.writes
    if r is None and row.r is None:
        raise ValueError(f"r must be given, {tool} has no default rank")
    r = checks.integer("r", row.r if r is None else r, minimum=1)
    if checks.flag("rslora", rslora) and not row.has_rslora:
        raise ValueError(f"rslora must be False for {tool}, which knows no α/√r, got True; "
                         "give it α·√r for α")
    if alpha is not None and (plain or scale is not None):
        raise ValueError("alpha must be left out where there is a scale, got "
                         f"alpha={alpha!r} for {tool} with scale={scale!r}")
    warnings = ()
    if alpha is None and scale is None:
        if row.alpha is None:
            raise ValueError(f"alpha or scale must be given, {tool} has no default")
        warnings = (row.unsaid,)
        alpha = {"r": r, "2r": 2 * r}.get(row.alpha, row.alpha)
        alpha, scale = (None, alpha) if plain else (alpha, None)
    rule = "rslora" if rslora else "lora"
    if scale is None:
        scale = scaling(r, alpha, rule)
    scale = checks.number("scale", scale, above=0.0)
    power = POWERS[checks.choice("optimiser", optimiser, POWERS)]
    start = checks.choice("start", start or row.start, A_STARTS)
    sigma = A_STARTS[start](r, checks.integer("k", k, minimum=1))
    # The useful part goes like (s σ)^power r; s goes like r^-fall, σ like 1/r for PEFT's gaussian.
    fall = 0.0 if plain else 0.5 if rslora else 1.0
    growth = 1 - power * (fall + (start == "peft_gaussian"))
    kept = f"keep {'the scale' if plain else 'α'} and "
    ratio, exponent = ("new r / old r", -growth) if growth < 0 else ("old r / new r", growth)
    change = "η" if growth == 0 else f"multiply η by ({ratio})" + f"^{exponent:g}" * (exponent != 1)
    return Convention(
        tool, r, scale / scaling(r, 1, rule), scale, sigma, optimiser, scale**power, kept + change,
        {name: _written(other, r, scale, rslora, sigma, k)
         for name, other in TOOLS.items() if name != tool}, warnings)


def _written(row: Tool, r: int, scale: float, rslora: bool, sigma: float, k: int) -> str:
    """The settings that give this scale in another tool, and how its A starts."""
    keeps = rslora and row.has_rslora
    alpha = scale / scaling(r, 1, "rslora" if keeps else "lora")
    switch = ", use_rslora: true" if ": {r}" in row.writes else ", use_rslora=True"
    text = row.writes.format(r=r, alpha=alpha, scale=scale) + switch * keeps
    wider = A_STARTS[row.start](r, k) / sigma
    return text if math.isclose(wider, 1) else f"{text}; A's σ is {wider:.3g} times as large"
