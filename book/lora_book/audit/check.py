"""The checks of the page Audit the paper.

Each takes numbers and computes the right ones itself. It knows common slips, and names the one that
an answer equals. Figures called "printed" are those of Hu et al. 2021, version 2.
"""

import functools
import inspect

from lora_book.shared.verdict import NotYet, check, close, number, parts

GPT3 = 175_255_800_000  # parameters, Table 4
HALF = "half the right count: A and B both train, and every adapted matrix has its own pair"
TWICE = "twice the right count: two matrices per layer are adapted, each with one A and one B"


def _audit(praise: str, rtol: float | dict[str, float] = 1e-9):
    """A check made of a function that returns the numbers wanted, {name: number}, and the known
    slips, {name: [(number, what it is)]}. praise: of right answers."""
    def decorate(exercise):
        want, slips = exercise()

        @functools.wraps(exercise)
        def judge(**answers) -> str:
            problems = []
            values = [answers.get(name) for name in want]
            for name, value in zip(want, parts(values, *want), strict=True):
                tolerance = rtol[name] if isinstance(rtol, dict) else rtol
                problems += _problem(name, number(name, value), want[name], slips[name], tolerance)
            if problems:
                raise NotYet(*problems)
            return praise

        judge.__signature__ = inspect.Signature([
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None) for name in want])
        return check(judge)

    return decorate


def _problem(name: str, value: float, right: float, slips: list, tolerance: float) -> list[str]:
    """What is wrong with a number, if anything: what it is nearest to."""
    if close(value, right, tolerance):
        return []
    known = [(right, "close: give more digits"), *slips]
    nearest, why = min(known, key=lambda slip: abs(slip[0] - value))
    if not close(value, nearest, 0.03 if nearest == right else 0.01):
        why = f"{value / right:.2g} times the right value" if right else "not right"
    return [f"{name}: {value:,.12g} is {why}."]


def _count(layers: int, matrices: int, d: int, r: int) -> int:
    """Entries of A, (r, d), and B, (d, r), added up matrix by matrix."""
    return sum(r * d + d * r for _ in range(layers) for _ in range(matrices))


def _counting(count: int, layers: int, matrices: int) -> list[tuple[float, str]]:
    """Slips in a count over all layers."""
    return [(count / 2, HALF), (2 * count, TWICE), (count / layers, "one layer"),
            (count / layers / matrices, "one matrix"),
            (count / 1e6, "in millions: give the full count")]


@_audit("4.7 and 37.7 million are the rows r = 1 and r = 8; r = 4 lies between.")
def gpt3_rows():
    """GPT-3's trainable parameters with q and v adapted, at r = 1, 4 and 8."""
    want = {}
    slips = {}
    for name, r, printed in (("r1", 1, 4.7e6), ("r4", 4, 18e6), ("r8", 8, 37.7e6)):
        count = want[name] = _count(96, 2, 12_288, r)
        slips[name] = [
            *_counting(count, 96, 2), (192 * 12_288**2, "the frozen matrices, not their adapters"),
            (printed, "the paper's rounded figure: count to the last parameter"),
            *((count // r * other, f"the count at r = {other}") for other in {1, 4, 8} - {r})]
    return want, slips


@_audit("near the paper's 35 MB, but 35 in neither unit.", rtol=2e-3)
def checkpoint():
    """The size of GPT-3's adapters, q and v, r = 4, 16 bits each, in 10⁶ and in 2²⁰ bytes."""
    numbers = _count(96, 2, 12_288, 4)
    want = {"mb": 2 * numbers / 10**6, "mib": 2 * numbers / 2**20}
    slips = {}
    for name, other, unit in (("mb", "mib", 10**6), ("mib", "mb", 2**20)):
        slips[name] = [
            (want[other], f"the size in units of {'2²⁰' if name == 'mb' else '10⁶'} bytes"),
            (2 * numbers / 1_024_000, "a mixture of 1000 and 1024"),
            (35, "the paper's figure, not the size"),
            *((factor * want[name], why) for factor, why in (
                (2, "four bytes per number: 16 bits are two bytes"),
                (0.5, "one byte per number: 16 bits are two bytes"),
                (8, "bits, not bytes"), (unit, "a number of bytes: divide by the unit")))]
    return want, slips


@_audit("of these ranks, only r = 4 comes near ten thousand.", rtol=2e-3)
def reductions():
    """How many times fewer GPT-3 trains with q and v adapted than in full, at r = 1, 4 and 8."""
    want = {}
    slips = {}
    for name, r in (("r1", 1), ("r4", 4), ("r8", 8)):
        count = _count(96, 2, 12_288, r)
        ratio = want[name] = GPT3 / count
        slips[name] = [
            (10_000, "the paper's rounded figure: divide"), (1 / ratio, "the inverse"),
            (100 / ratio, "a percentage: give the factor"),
            (192 * 12_288**2 / count, "of the adapted matrices: full fine-tuning trains all "
             "175,255.8 million parameters"),
            (2 * ratio, "twice the right value: half of the adapters forgotten?"),
            (ratio / 2, "half the right value: two matrices per layer are adapted, not four")]
    return want, slips


@_audit("at r = 2, the count is half of what D.4 prints; r = 4 gives 37.7 million.")
def appendix_d4():
    """GPT-3 with q, k, v and o: the count at r = 2, and the rank that gives 37.7 million."""
    want = {"count": _count(96, 4, 12_288, 2), "r": 4}
    slips = {"count": [
        (2 * want["count"], "D.4's printed figure, which belongs to a different rank"),
        (37.7e6, "D.4's printed figure: count"), (18.8e6, "Table 15's printed figure: count"),
        (want["count"] / 2, "the count of two matrices per layer, or of A alone"),
        *_counting(want["count"], 96, 4)],
        "r": [(2, "D.4's printed rank: which count did you get for it?"),
              (8, "the rank for q and v: here twice as many matrices are adapted")]}
    return want, slips


@_audit("medium trains more than the printed 0.35 million, large less than the printed 0.77.")
def gpt2_rows():
    """GPT-2 medium's and large's trainable parameters with q and v adapted, at r = 4."""
    want = {"medium": _count(24, 2, 1024, 4), "large": _count(36, 2, 1280, 4)}
    slips = {
        "medium": [(0.35e6, "Table 3's printed figure: count"), *_counting(want["medium"], 24, 2),
                   (_count(12, 2, 768, 4), "GPT-2 small")],
        "large": [(0.77e6, "Table 3's printed figure: count"), *_counting(want["large"], 36, 2),
                  (_count(36, 2, 1024, 4), "large has d = 1280"),
                  (_count(24, 2, 1280, 4), "large has 36 layers")]}
    return want, slips


@_audit("Table 2's count goes with r = 16, but Table 10 says r = 8.")
def deberta():
    """DeBERTa XXL with q and v: the count at r = 8, and the rank that gives 4.7 million."""
    want = {"count": _count(48, 2, 1536, 8), "r": 16}
    slips = {"count": [(2 * want["count"], "the count of a different rank from Table 10's"),
                       (4.7e6, "Table 2's printed figure: count"),
                       (_count(24, 2, 1536, 8), "half the right count: XXL has 48 layers, and A "
                        "and B both train"), *_counting(want["count"], 48, 2)],
             "r": [(8, "Table 10's printed rank: which count did you get for it?"),
                   (32, "the scripts' α, not their r")]}
    return want, slips


@_audit("a quarter less time per token is a third more tokens per second.", rtol=4e-3)
def speed():
    """From 32.5 to 43.1 tokens per second: more tokens, and less time per token, in per cent."""
    before = 32.5
    after = 43.1
    want = {"more_tokens": 100 * (after / before - 1), "less_time": 100 * (1 - before / after)}
    slips = {
        "more_tokens": [(want["less_time"], "the time saved: divide by the speed before"),
                        (100 * after / before, "the new speed as a percentage of the old"),
                        (25, "the paper's figure, not the tokens")],
        "less_time": [(want["more_tokens"], "the tokens gained: divide by the speed after"),
                      (100 * before / after, "the time that is left"),
                      (25, "the paper's rounded figure: give one more digit")]}
    for name, known_slips in slips.items():
        known_slips += [(want[name] / 100, "a fraction: give per cent"),
                        (1 + want[name] / 100, "a ratio: give the gain in per cent"),
                        (after - before, "a difference in tokens per second")]
    return want, slips


@_audit("four copies of the model in full fine-tuning, one and a little more with LoRA.",
        rtol={"full_tb": 5e-3, "lora_gb": 3e-4})
def training_memory():
    """GPT-3 in training, 16 bits a number: weights, gradients and two moments, in full and LoRA."""
    low = _count(96, 2, 12_288, 4)
    want = {"full_tb": 8 * GPT3 / 1e12, "lora_gb": 2 * (GPT3 + 4 * low) / 1e9}
    slips = {
        "full_tb": [(6 * GPT3 / 1e12, "three copies: weights, gradient and two moments are four"),
                    (2 * GPT3 / 1e12, "the weights alone"), (1.2, "the paper's figure: count"),
                    (16 * GPT3 / 1e12, "four bytes per number: 16 bits are two bytes"),
                    (8 * GPT3 / 2**40, "in units of 2⁴⁰ bytes"),
                    (8 * GPT3 / 1e9, "in GB: a TB has a thousand")],
        "lora_gb": [(2 * GPT3 / 1e9, "the frozen weights alone: the adapters train"),
                    (350, "the paper's figure: count"), (8 * low / 1e9, "the adapters alone: the "
                     "frozen weights are in memory too"),
                    (8 * (GPT3 + low) / 1e9, "all weights with gradient and moments: the frozen "
                     "ones have none"), (want["lora_gb"] * 1e9 / 2**30, "in units of 2³⁰ bytes")]}
    return want, slips


@_audit("few multiplications can still take much time; a merged layer adds neither.", rtol=6e-3)
def latency():
    """What adapter layers add to 19.8 ms, what merged LoRA adds, and LoRA's products kept apart."""
    plain = 19.8
    low = 23.9
    high = 25.8
    d = 1024
    r = 4
    want = {"adapter_l": 100 * (low / plain - 1), "adapter_h": 100 * (high / plain - 1),
            "merged": 0.0, "apart": 100 * r * (d + d) / (d * d)}
    slips = {name: [(100 * (1 - plain / time), "the share of the slower time: divide by 19.8 ms"),
                    (time - plain, "milliseconds: give per cent"),
                    (100 * time / plain, "the new time as a percentage of the old"),
                    (time / plain - 1, "a fraction: give per cent")]
             for name, time in (("adapter_l", low), ("adapter_h", high))}
    slips["merged"] = [(want["apart"], "what an unmerged adapter adds"),
                       (want["adapter_l"], "what adapter layers add")]
    slips["apart"] = [(want["apart"] / 2, "one of the two products: x goes through A and then B"),
                      (want["apart"] / 100, "a fraction: give per cent"),
                      (0, "the merged layer: A and B are applied apart here"),
                      (2 * want["apart"], "the value for r = 8, or for q and v against one matrix")]
    return want, slips
