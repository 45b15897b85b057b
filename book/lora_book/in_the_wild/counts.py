"""The survey of public repositories, counted: a repository counts once for each of its values."""

import csv
from collections import Counter
from pathlib import Path

DATA = Path(__file__).parent / "data"


def _rows(name: str) -> list[dict[str, str]]:
    with open(DATA / name, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


SETTINGS = _rows("settings.csv")


def scale(row: dict[str, str]) -> float:
    """s of one line of settings; none of them has rsLoRA."""
    if row["tool"] == "MLX":
        return float(row["scale"])
    return float(row["lora_alpha"]) / float(row["r"])


def tally(value, tool: str) -> Counter:
    """How many repositories have each value of ``value(row)`` among a tool's rows."""
    pairs = {(value(row), row["repository"]) for row in SETTINGS if row["tool"] == tool}
    return Counter(value for value, _ in sorted(pairs))  # ties in a fixed order


def table() -> str:
    """r and s by tool, in Markdown."""
    lines = ["| tool | r (repositories) | s (repositories) |", "|---|---|---|"]
    for tool in ("PEFT", "MLX"):
        ranks = tally(lambda row: int(row["r"]), tool)
        scales = tally(lambda row: f"{scale(row):.3g}", tool)
        cells = [", ".join(f"{value} ({count})" for value, count in each.most_common(5))
                 for each in (ranks, scales)]
        lines.append(f"| {tool} | {cells[0]} | {cells[1]} |")
    return "\n".join(lines)
