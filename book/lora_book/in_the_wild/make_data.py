"""Stores what the LoRA files of public repositories hold, from a folder of their clones:

    python -m lora_book.in_the_wild.make_data FOLDER

FOLDER/OWNER+NAME is a clone. Kept are numbers, and no text or weight of theirs.
"""

import csv
import json
import subprocess
import sys
from pathlib import Path
from statistics import median

from lora_edu.examine import examine

DATA = Path(__file__).parent / "data"
SETTINGS = "adapter_config.json"
LARGE = 2**22  # bytes of a file that is left out
FIELDS = ("r", "lora_alpha", "use_rslora", "use_dora", "init_lora_weights")
PATTERNS = ("rank_pattern", "alpha_pattern")


def settings_of(text: bytes) -> dict | None:
    """The settings of one text, or None where it is none of PEFT's or MLX's LoRA."""
    try:
        held = json.loads(text)
    except ValueError:
        return None
    if held.get("peft_type") == "LORA":
        values = {name: held.get(name) for name in FIELDS}
        values["patterns"] = any(held.get(name) for name in PATTERNS)
        return {"tool": "PEFT", **values}
    mlx = held.get("lora_parameters")
    kind = held.get("fine_tune_type", "lora")
    if isinstance(mlx, dict) and kind != "full":
        scale = mlx.get("scale")
        return {"tool": "MLX", "r": mlx.get("rank"), "scale": scale, "use_dora": kind == "dora"}
    return None


def numbers_of(weights: bytes, settings: bytes | None) -> dict | None:
    """The numbers of one file, medians over its modules, or None where it is refused."""
    try:
        examination = examine(weights, settings)
    except (ValueError, TypeError):
        return None
    rows = [row for row in examination.rows if row.is_known and row.method == "LoRA"]
    if not rows:
        return None
    trained = [row for row in rows if row.norm > 0]
    counts = {"tool": examination.layout, "r": median(row.r for row in rows),
              "modules": len(rows), "zero": len(rows) - len(trained)}
    if trained:
        counts["for_90"] = median(row.rank_holding(0.9) for row in trained)
        counts["for_99"] = median(row.rank_holding(0.99) for row in trained)
    return counts


def survey(clone: Path) -> tuple[list[dict], list[dict]]:
    """The distinct settings of a repository, and its distinct weights."""
    head = subprocess.run(["git", "-C", clone, "rev-parse", "HEAD"], capture_output=True,
                          check=True, text=True)
    source = {"repository": clone.name.replace("+", "/", 1), "commit": head.stdout[:10]}
    settings = []
    for file in sorted(clone.rglob(SETTINGS)):
        row = settings_of(file.read_bytes())
        if row and source | row not in settings:
            settings.append(source | row)
    weights = {}  # by their content
    for file in sorted(clone.rglob("*.safetensors")):
        content = file.read_bytes() if file.stat().st_size < LARGE else None
        if content and content not in weights:
            beside = file.with_name(SETTINGS)
            row = numbers_of(content, beside.read_bytes() if beside.is_file() else None)
            weights[content] = row and source | row
    return settings, [row for row in weights.values() if row]


def write(name: str, rows: list[dict]) -> None:
    columns = list(dict.fromkeys(column for row in rows for column in row))
    with open(DATA / name, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def main(folder: Path) -> None:
    surveys = [survey(clone) for clone in sorted(folder.iterdir())]
    write("settings.csv", [row for settings, _ in surveys for row in settings])
    write("weights.csv", [row for _, weights in surveys for row in weights])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
