"""What is wrong with an adapter, in one form and in the same words for all who look.

``lora_edu.nn.doctor`` looks at a model, ``lora_edu.examine`` at a file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Set
from typing import Any, NamedTuple

# A question's answer: the parts, or the names of modules, that show the fault; or
# (list, {placeholder: text}), where the words differ from case to case
Answer = list | tuple[list, dict[str, Any]]
SHOWN = 3  # places of a finding; one more is shown, not counted
SEVERITIES = ("error", "warning", "note")  # cannot work; hardly meant; look whether it is meant


class Finding(NamedTuple):
    """One thing that is, or may be, wrong. symptom: what was seen. where: names of modules."""

    name: str
    severity: str
    symptom: str
    cause: str
    remedy: str
    where: tuple[str, ...] = ()

    @property
    def places(self) -> str:
        """Where it is, in words."""
        shown = self.where if len(self.where) <= SHOWN + 1 else self.where[:SHOWN]
        more = f" and {len(self.where) - SHOWN} more" if shown != self.where else ""
        return ", ".join(map(on_one_line, shown)) + more

    def __str__(self) -> str:
        return (f"{self.severity}: {self.symptom} [{self.name}]\n"
                f"  cause:  {self.cause}\n  remedy: {self.remedy}\n  where:  {self.places}")


def on_one_line(name: str) -> str:
    """A name out of a file, with the escapes of what does not print, such as the end of a line."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in name)


class Diagnosis(list[Finding]):
    """The findings, the worst first. ``tested``: the names of what was looked for."""

    def __init__(self, findings: Iterable[Finding], tested: Iterable[str]):
        super().__init__(sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity)))
        self.tested = tuple(dict.fromkeys(tested))

    def __str__(self) -> str:
        count = f"We looked for {len(self.tested)} faults and found {len(self) or 'none'}."
        return "\n".join([count, *map(str, self)])

    __repr__ = __str__


class Fault(NamedTuple):
    """It is looked for only where there is what that needs, such as ``{"training", "batch"}``.

    find: the question, a function of the case.
    """

    name: str
    severity: str
    find: Callable[[Any], Answer]
    symptom: str
    cause: str
    remedy: str
    needs: Set[str] = frozenset()


def diagnose(faults: Iterable[Fault], case: Any, available: Set[str]) -> Diagnosis:
    """Look for those faults for which there is what that needs."""
    faults = [fault for fault in faults if fault.needs <= available]
    return Diagnosis([finding for fault in faults for finding in _findings(fault, case)],
                     [fault.name for fault in faults])


def _findings(fault: Fault, case: Any) -> Iterator[Finding]:
    """Where a fault is, if anywhere, in its words."""
    result = fault.find(case)
    parts, words = result if isinstance(result, tuple) else (result, {})
    if parts:
        texts = [words.get(key, getattr(fault, key)).format(**words)
                 for key in ("severity", "symptom", "cause", "remedy")]
        where = dict.fromkeys(getattr(part, "layer", part) for part in parts)
        yield Finding(fault.name, *texts, tuple(where))


# Symptom, cause and remedy of what both look for

BOTH_ZERO = {
    "symptom": "A and B are both zero, so both gradients are zero at every step",
    "cause": "an initialisation of all parameters (init.zeros_, empty weights) also overwrote the "
             "adapter",
    "remedy": "initialise A again: reset_lora_parameters in PEFT, inject again in lora_edu"}
IDLE = {
    "symptom": "BA is exactly zero, so the adapter does not change the layer's output",
    "cause": "it was never trained, or the names in its file did not match the model's and were "
             "ignored",
    "remedy": "compare the file's keys with the model's; look for “missing keys” in the log"}
SCALE = {
    "symptom": "s is {s}, which multiplies everything BA adds, including Adam's first step",
    "cause": "α was left at a default, or r was changed but not α, or α/√r was used with an α "
             "meant for α/r",
    "remedy": "nothing to do if you tuned the learning rate at this scale; otherwise set α so that "
              "s is near 1, or tune the rate again"}


def is_unusual(scale: float) -> bool:
    """Whether s is so far from one that it is hardly meant."""
    return not 1 / 32 < abs(scale) < 32
