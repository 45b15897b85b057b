"""What a tool's settings mean: the scale, A's start, the first step, the same run elsewhere.

Each tool is a row of one table, with the place in its source that says so, as read in November
2026. Versions are those of PyPI; what is not there is named by commit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from lora_edu import checks
from lora_edu.adapter import scaling
from lora_edu.optim import OPTIMISERS

A_STARTS = {  # the standard deviation of A's entries, for rank r and input width k
    "kaiming_uniform": lambda r, k: 1 / math.sqrt(3 * k),  # U(±1/√k)
    "peft_gaussian": lambda r, k: 1 / r,  # N(0, 1/r²)
    "he_uniform": lambda r, k: math.sqrt(2 / k)}  # U(±√(6/k))
START_WORDS = {
    "kaiming_uniform": "U(±1/√k), as in PEFT, kohya, MLX and most tools",
    "peft_gaussian": "N(0, 1/r²), as in most diffusers scripts",
    "he_uniform": "U(±√(6/k)), as in Keras"}
# Of s in the first step of W: in terms of B' = sB there is no s, and the rate is η·s^power.
POWERS = {name: OPTIMISERS[name].powers["lr"]
          for name in ("Adam", "AdamW", "Lion", "SGD", "Momentum")}


class Tool(NamedTuple):
    """One row. r, alpha: when nothing is said; None where it must be said. For MLX alpha is s.

    writes: how the settings are written. unsaid: what happens when α is not. source: where this
    stands. start: one of A_STARTS. rslora: how α/√r is switched on; "" where it is not known.
    adam_step: Adam's first step of an entry, in η. optimisers: how it writes each; None where the
    settings do not choose one. writes_peft: whether its adapters are files of PEFT's.
    """

    r: int | None
    alpha: float | str | None
    writes: str
    unsaid: str
    source: str
    start: str = "kaiming_uniform"
    rslora: str = ""
    adam_step: float = 1.0
    optimisers: dict[str, str] | None = None
    writes_peft: bool = False

    @property
    def has_rslora(self) -> bool:
        """Whether it knows α/√r."""
        return bool(self.rslora)

    @property
    def asks_for(self) -> str | None:
        """Whether it asks for ``"alpha"``, for the ``"scale"``, or for neither."""
        return next((name for name in ("alpha", "scale") if "{" + name in self.writes), None)


TOOLS = {
    "PEFT": Tool(
        r=8, alpha=8, writes="r={r}, lora_alpha={alpha:g}", unsaid="α is 8 at every rank",
        source="peft 0.21.2, tuners/lora/config.py:632, 652; layer.py:279, 338",
        rslora="use_rslora=True", writes_peft=True),
    "kohya": Tool(
        r=4, alpha=1, writes="--network_dim={r} --network_alpha={alpha:g}",
        unsaid="α is 1 in training (0 means r); a file without α keys is loaded with α = r",
        source="sd-scripts 02298e3, networks/lora.py:71–77, 430, 432, 786"),
    "diffusers, Flux": Tool(
        r=4, alpha=4, writes="--rank={r} --lora_alpha={alpha:g}",
        unsaid="α is 4 in the scripts for Flux, Qwen-Image, Z-Image and Sana, 32 for Krea 2, and, "
               "with PEFT's A, 32 for Cosmos, 64 for LCM and 128 for CogVideoX; a file without α "
               "is loaded with α = r in each module",
        source="examples/dreambooth/train_dreambooth_lora_flux2.py:400, 406, 1266 at 79c1107; "
               "train_dreambooth_lora_krea2.py:493, examples/cosmos, consistency_distillation and "
               "cogvideo at 58eb52c; "
               "diffusers 0.42.1, utils/peft_utils.py:158–174",
        start="peft_gaussian"),
    "diffusers, SD": Tool(
        r=4, alpha="r", writes="--rank={r}",
        unsaid="α is r in the scripts for SD, SDXL, SD 3, Lumina 2 and HiDream, which have no "
               "setting for it",
        source="examples/text_to_image/train_text_to_image_lora.py:423, 534, 535 at 79c1107",
        start="peft_gaussian"),
    "MLX": Tool(
        r=8, alpha=20.0, writes="lora_parameters: {{rank: {r}, scale: {scale:g}, dropout: 0.0}}",
        unsaid="the scale is 20 at every rank; with MLX's η of 1e-5, its Adam's first step in W "
               "equals that of s = 1 and η = 6.3e-4 elsewhere, but A moves far less",
        source="mlx-lm 0.32.2, lora.py:49, 63, 77, 289; tuner/lora.py:84–98; mlx 0.32.2, "
               "optimizers/optimizers.py:498, 580",
        adam_step=0.1 / math.sqrt(0.001),  # (1 − β₁)/√(1 − β₂), as no bias is corrected
        optimisers={
            "Adam": "optimizer: adam, optimizer_config: {adam: {bias_correction: true}}",
            "AdamW": "optimizer: adamw, optimizer_config: {adamw: {bias_correction: true}}",
            "SGD": "optimizer: sgd",
            "Momentum": "optimizer: sgd, optimizer_config: {sgd: {momentum: 0.9}}"}),
    "torchtune": Tool(
        r=8, alpha=16, writes="lora_rank: {r}, lora_alpha: {alpha:g}",
        unsaid="α is 16 at every rank, in the model builders",
        source="torchtune 0.6.1, models/llama3/_model_builders.py:112, 113; "
               "modules/peft/lora.py:138, 305", writes_peft=True),
    "LlamaFactory": Tool(
        r=8, alpha="2r", writes="lora_rank: {r}, lora_alpha: {alpha:g}", unsaid="α is 2r",
        source="llamafactory 0.9.5, hparams/finetuning_args.py:78, 568; model/adapter.py:235 "
               "(PEFT)",
        rslora="use_rslora: true", writes_peft=True),
    "Keras": Tool(
        r=None, alpha="r", writes="rank={r}, lora_alpha={alpha:g}", unsaid="α is r",
        source="keras 3.15.1, layers/core/dense.py:238, 295, 213", start="he_uniform"),
    "loralib": Tool(
        r=None, alpha=1, writes="r={r}, lora_alpha={alpha:g}", unsaid="α is 1",
        source="loralib 0.1.2, layers.py:97, 112, 123"),
    "Unsloth": Tool(
        r=16, alpha=16, writes="r={r}, lora_alpha={alpha:g}", unsaid="α is 16 at every rank",
        source="unsloth 2026.10.9, models/llama.py:4571–4584 (PEFT)",
        rslora="use_rslora=True", writes_peft=True),
    "Tinker": Tool(
        r=32, alpha=32, writes="rank={r}",
        unsaid="α cannot be set, and Tinker's notes on merging use 32; the service's code is not "
               "open, so we assume that A starts as in PEFT",
        source="tinker_cookbook/supervised/train.py:125; weights/README.md:57 at 9dfcc3a",
        writes_peft=True),
    "verl": Tool(
        r=None, alpha=16, writes="lora_rank={r} lora_alpha={alpha:g}",
        unsaid="α is 16 at every rank; with Megatron, it is 32, and A's initial spread is 2.4 "
               "times as large",
        source="verl/trainer/config/model/hf_model.yaml:46; ppo_megatron_trainer.yaml:56; "
               "workers/fsdp_workers.py:466 (PEFT) at b178a3c; Megatron-Bridge 0191fc5, "
               "peft/lora_layers.py (Xavier)", writes_peft=True),
    "axolotl": Tool(
        r=None, alpha=None, writes="lora_r: {r}, lora_alpha: {alpha:g}",
        unsaid="α must be given too",
        source="src/axolotl/utils/schemas/peft.py:53, 54; loaders/adapter.py:188, 189 (PEFT) at "
               "067b021",
        rslora="peft_use_rslora: true", writes_peft=True),
    "litgpt": Tool(
        r=8, alpha=16, writes="--lora_r={r} --lora_alpha={alpha:g}",
        unsaid="α is 16 at every rank",
        source="litgpt/finetune/lora.py:56, 57; litgpt/lora.py:127, 135 at 2685705"),
    "ai-toolkit": Tool(
        r=4, alpha=1, writes="linear: {r}, linear_alpha: {alpha:g}",
        unsaid="α is 1; most of its examples have α = r",
        source="toolkit/config_modules.py:182, 184, 185; toolkit/lora_special.py:120 at 27a03a9"),
    "OneTrainer": Tool(
        r=16, alpha=1, writes="lora_rank: {r}, lora_alpha: {alpha:g}", unsaid="α is 1",
        source="modules/util/config/TrainConfig.py:1231, 1232; modules/module/LoRAModule.py:563, "
               "581 at 23df383"),
    "a plain scale": Tool(
        r=None, alpha=None, writes="r={r}, s={scale:g}", unsaid="",
        source="the formula W0 + s·B·A"),
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
            f"{self.optimiser}'s first step in W is {self.stride:.4g}·η",
            f"for a different r: {self.when_r_changes}",
            *(f"warning: {text}" for text in self.warnings)])


def convention(tool: str, r: int | None = None, alpha: float | None = None, *,
               scale: float | None = None, rslora: bool = False, optimiser: str = "AdamW",
               start: str | None = None, k: int = 1024) -> Convention:
    """Interpret settings as a given tool does.

    Args:
        tool: One of :data:`TOOLS`.
        r: The rank; None is the tool's default.
        alpha: The tool's α; None is its default. MLX, a plain scale, diffusers' scripts for SD, and
            Tinker have none.
        scale: s itself, instead of alpha.
        rslora: Whether s = α/√r.
        optimiser: ``"Adam"``, ``"AdamW"``, ``"Lion"``, ``"SGD"`` or ``"Momentum"``, in capitals or
            not.
        start: How A is drawn, one of ``"kaiming_uniform"``, ``"peft_gaussian"``, ``"he_uniform"``;
            None is the tool's default.
        k: The width of the layer's input, for sigma.

    Returns:
        A frozen dataclass, which prints as a few lines. Its ``scale`` is s in ΔW = s·B·A.
        ``sigma``: the standard deviation of A's entries at the start, where B is zero. ``stride``:
        the first step in W is η·stride times a factor without s; it is s under Adam (ε → 0) and
        Lion, s² under SGD, and 3.16·s under MLX's Adam, which has no bias correction.
        ``when_r_changes``: the setting that keeps the expected first-order decrease of that step at
        a different rank. ``elsewhere``: {tool: the settings that give this scale there}, with a
        note if A's spread is larger there. ``warnings``: missing settings, and their consequences.

    Raises:
        TypeError, ValueError: For an impossible value, for a setting that the tool does not have,
            and for a missing one.

    Example:
        >>> kohya = convention("kohya", r=16)
        >>> kohya.scale, kohya.stride, kohya.warnings[0][:24]
        (0.0625, 0.0625, 'α is 1 in training (0 me')
        >>> convention("PEFT", r=16, alpha=32, optimiser="SGD").elsewhere["MLX"]
        'optimizer: sgd, lora_parameters: {rank: 16, scale: 2, dropout: 0.0}'
    """
    tool = checks.choice("tool", tool, TOOLS, any_case=True)
    row = TOOLS[tool]
    if r is None and row.r is None:
        raise ValueError(f"r must be given; {tool} has no default rank")
    r = checks.integer("r", row.r if r is None else r, minimum=1)
    if checks.flag("rslora", rslora) and not row.has_rslora:
        raise ValueError(f"rslora must be False for {tool}, which has no α/√r, got True; use α·√r "
                         f"as its α")
    optimiser = {name.lower(): name for name in POWERS}.get(str(optimiser).lower(), optimiser)
    power = POWERS[checks.choice("optimiser", optimiser, POWERS)]
    start = checks.choice("start", start or row.start, A_STARTS)
    sigma = A_STARTS[start](r, checks.integer("k", k, minimum=1))

    scale, warnings = _scale(tool, row, r, alpha, scale, rslora)
    stride = scale**power
    adam_step = row.adam_step if optimiser in ("Adam", "AdamW") else 1.0
    if adam_step != 1:
        stride *= adam_step
        warnings += (f"{tool}'s {optimiser} has no bias correction, so its first step "
                     f"is {adam_step:.3g} times as large as elsewhere, and its tenth 6.53 times; "
                     f"with {row.optimisers[optimiser]}, they are equal",)

    return Convention(
        tool, r, scale / scaling(r, 1, "rslora" if rslora else "lora"), scale, sigma, optimiser,
        stride, _when_r_changes(row, power, rslora, start),
        {name: _written(other, r, scale, rslora, sigma, k, optimiser)
         for name, other in TOOLS.items() if name != tool}, warnings)


def _scale(tool: str, row: Tool, r: int, alpha: float | None, scale: float | None,
           rslora: bool) -> tuple[float, tuple[str, ...]]:
    """(s, warnings), from what was said and from what the tool takes otherwise."""
    if row.asks_for is None and (alpha, scale) != (None, None):
        raise ValueError(f"alpha and scale must be left out for {tool}, which has no setting for "
                         f"them, got alpha={alpha!r}, scale={scale!r}")
    if alpha is not None and row.asks_for == "scale":
        raise ValueError(f"alpha must be left out for {tool}, whose setting is scale (α/r "
                         f"elsewhere), got alpha={alpha!r}")
    if alpha is not None and scale is not None:
        raise ValueError("alpha must be left out if there is a scale, got "
                         f"alpha={alpha!r} with scale={scale!r}")
    if scale is not None:
        return checks.number("scale", scale, above=0.0), ()
    rule = "rslora" if rslora else "lora"
    if alpha is not None:
        return scaling(r, alpha, rule), ()
    if row.alpha is None:
        raise ValueError(f"alpha or scale must be given; {tool} has no default")
    if row.asks_for == "scale":
        return row.alpha, (row.unsaid,)
    alpha = {"r": r, "2r": 2 * r}.get(row.alpha, row.alpha)
    return scaling(r, alpha, rule), (row.unsaid,)


def _when_r_changes(row: Tool, power: int, rslora: bool, start: str) -> str:
    """What keeps the useful part of the first step, which goes like r·(s σ)^power."""
    if row.asks_for == "scale":
        kept, fall = "the scale", 0.0  # s·σ goes like r^−fall
    elif row.asks_for is None and row.alpha == "r":
        kept, fall = "α = r", 0.0
    elif rslora:
        kept, fall = "α", 0.5
    else:
        kept, fall = "α", 1.0  # s goes like 1/r
    if start == "peft_gaussian":
        fall += 1.0  # so does σ

    growth = 1 - power * fall  # the useful part goes like r^growth
    if growth == 0:
        return f"keep {kept} and η"
    ratio = "old r / new r" if growth > 0 else "new r / old r"
    exponent = "" if abs(growth) == 1 else f"^{abs(growth):g}"
    return f"keep {kept} and multiply η by ({ratio}){exponent}"


def _written(row: Tool, r: int, scale: float, rslora: bool, sigma: float, k: int,
             optimiser: str) -> str:
    """The settings that give this scale in another tool, and how its A starts."""
    if row.asks_for is None:
        own_scale, _ = _scale("", row, r, None, None, rslora=False)
        if not math.isclose(scale, own_scale):
            return f"no setting gives it: there s is {own_scale:g}"
    rule = "rslora" if rslora and row.has_rslora else "lora"
    text = row.writes.format(r=r, alpha=scale / scaling(r, 1, rule), scale=scale)
    if rule == "rslora":
        text += f", {row.rslora}"
    if row.optimisers and optimiser in row.optimisers:
        text = f"{row.optimisers[optimiser]}, {text}"
    elif row.optimisers:
        text += f"; it has no {optimiser}"
    wider = A_STARTS[row.start](r, k) / sigma
    if not math.isclose(wider, 1):
        text += f"; its initial A is {wider:.3g} times as large"
    return text
