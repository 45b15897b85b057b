"""What the doctor says: a finding, and the list of them. Imports nothing of the package."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

SEVERITIES = ("error", "warning", "note")


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is, or may be, wrong.

    name: a word for it, always the same for the same test. severity: ``"error"``: as it is, this
    cannot work; ``"warning"``: hardly what is wanted; ``"note"``: look whether it is meant.
    symptom: what was seen. cause: where that usually comes from. remedy: what to do. where: the
    names of modules, in the order of the model.
    """

    name: str
    severity: str
    symptom: str
    cause: str
    remedy: str
    where: tuple[str, ...] = ()

    def __str__(self) -> str:
        lines = [f"{self.severity}: {self.symptom} [{self.name}]",
                 f"  cause:  {self.cause}", f"  remedy: {self.remedy}"]
        if self.where:
            more = f" and {len(self.where) - 3} more" if len(self.where) > 3 else ""
            lines.append(f"  where:  {', '.join(self.where[:3])}{more}")
        return "\n".join(lines)


class Diagnosis(list[Finding]):
    """The findings, the worst first. ``tested``: what was looked at, in words. Prints readably."""

    def __init__(self, findings: Iterable[Finding], tested: Iterable[str]):
        super().__init__(sorted(findings, key=lambda found: SEVERITIES.index(found.severity)))
        self.tested = tuple(tested)

    def __str__(self) -> str:
        if self:
            rest = f"({len(self)} found by {len(self.tested)} tests)"
            return "\n".join([*map(str, self), rest])
        return "\n".join(["nothing found; tested:", *(f"  {what}" for what in self.tested)])

    __repr__ = __str__
