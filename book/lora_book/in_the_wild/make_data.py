"""Stores what the LoRA files of public repositories hold, from a folder of their clones:

    python -m lora_book.in_the_wild.make_data FOLDER

FOLDER/OWNER+NAME/repo is a git directory. It keeps numbers, and no text or weight of theirs.
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
FIELDS = ("r", "lora_alpha", "use_rslora", "use_dora", "init_lora_weights")
PATTERNS = ("rank_pattern", "alpha_pattern")


class Clone:
    """A git directory, at its newest commit."""

    def __init__(self, folder: Path) -> None:
        self.name = folder.name.replace("+", "/", 1)
        self.folder = folder / "repo"
        self.commit = self.git("rev-parse", "HEAD").decode().strip()

    def git(self, *words: str) -> bytes:
        command = ["git", f"--git-dir={self.folder}", "-c", "safe.directory=*", *words]
        return subprocess.run(command, capture_output=True, check=True).stdout

    def files(self) -> dict[str, str]:
        """{path: hash}, without what the clone lacks."""
        lines = self.git("ls-tree", "-r", "-l", "-z", "HEAD").decode(errors="replace").split("\0")
        entries = [line.split("\t", 1) for line in lines if line]
        return {path: about.split()[2] for about, path in entries if about.split()[3].isdigit()}

    def read(self, blob: str) -> bytes:
        return self.git("cat-file", "blob", blob)


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


def survey(clone: Clone) -> tuple[list[dict], list[dict]]:
    """The distinct settings of a repository, and its distinct weights."""
    files = clone.files()
    source = {"repository": clone.name, "commit": clone.commit[:10]}
    settings = []
    weights = {}
    for path, blob in files.items():
        folder, _, name = path.rpartition("/")
        if name == SETTINGS:
            row = settings_of(clone.read(blob))
            if row and source | row not in settings:
                settings.append(source | row)
        elif name.endswith(".safetensors") and blob not in weights:
            beside = files.get(f"{folder}/{SETTINGS}".lstrip("/"))
            row = numbers_of(clone.read(blob), beside and clone.read(beside))
            weights[blob] = row and source | row
    return settings, [row for row in weights.values() if row]


def write(name: str, rows: list[dict]) -> None:
    columns = list(dict.fromkeys(column for row in rows for column in row))
    with open(DATA / name, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def main(folder: Path) -> None:
    clones = [Clone(child) for child in sorted(folder.iterdir()) if (child / "repo").exists()]
    surveys = [survey(clone) for clone in clones]
    write("settings.csv", [row for settings, _ in surveys for row in settings])
    write("weights.csv", [row for _, weights in surveys for row in weights])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
