"""Stores two published sets of runs of LoRA on language models, from clones of their repositories:

    git clone https://github.com/thinking-machines-lab/tinker-cookbook
    git clone https://github.com/huggingface/peft
    python -m lora_book.language_models.make_data tinker-cookbook peft

``data/SOURCES.md`` names the commits that were read, the files and their licences.
"""

import ast
import json
import re
import sys
from pathlib import Path

FOLDER = Path(__file__).parent / "data"
SWEEP = "tinker_cookbook/recipes/chat_sl/results/sft_sweep.md"
SIZES = "tinker_cookbook/model_info.py"
TITLE = re.compile(r"^## (?=\S+/\S+$)", re.MULTILINE)
# | rate | rank | test loss | training loss | minutes |
ROW = re.compile(r"^\| ([\de.-]+) \| (\d+) \| ([\d.]+) \| [\d.]+ \| \d+ \|$", re.MULTILINE)
DIVERGED = re.compile(r"diverged .* at lr=\{(?P<rates>.*?)\} with rank=\{(?P<ranks>.*?)\}")
# "Llama-3.2-1B": ModelAttributes(org, "…", "1B", …
SIZE = re.compile(r'"([^"]+)": ModelAttributes\(\s*org, "[^"]+", "([\d.]+)([BT])')
BILLIONS = {"B": 1.0, "T": 1000.0}
COMPARISON = "method_comparison/MetaMathQA/results/lora--llama-3.2-3B-{}.json"
COMPARED = ("rank32", "rank64", "rank64-rslora")


def read_model(block: str, billions: dict[str, float]) -> dict:
    """What the sweep's file says of one model: its runs, and which of them diverged.

    A run is [rank, rate, test loss], a lost one [rank, rate].
    """
    _, name = block.splitlines()[0].split("/")  # organisation/name
    runs = [[int(r), float(rate), float(loss)] for rate, r, loss in ROW.findall(block)]
    reported = {(r, rate) for r, rate, _ in runs}

    # A note names rates and ranks at which runs diverged. Where a run beside them did not, it is
    # in the table.
    lost = []
    if note := DIVERGED.search(block):
        rates = [float(rate) for rate in note["rates"].split(",")]
        ranks = [int(r) for r in note["ranks"].split(",")]
        lost = [[r, rate] for r in ranks for rate in rates if (r, rate) not in reported]
    return {"name": name, "billions": billions[name], "ranks": _listed("LoRA ranks", block),
            "rates": _listed("Learning rates", block), "runs": runs, "lost": lost}


def _listed(what: str, block: str) -> list:
    return ast.literal_eval(re.search(rf"{what}: (\[.*?\])", block)[1])


def read_comparison(file: Path) -> dict:
    """The settings of one of PEFT's runs, and its training loss, each the mean of 250 steps."""
    run = json.loads(file.read_text("utf-8"))
    settings = run["run_info"]["peft_config"]
    losses = {entry["step"]: round(entry["train loss"], 6)
              for entry in run["train_info"]["metrics"]}
    return {"r": settings["r"], "alpha": settings["lora_alpha"],
            "use_rslora": settings["use_rslora"],
            "lr": run["run_info"]["train_config"]["optimizer_kwargs"]["lr"],
            "losses": losses}


def write_lines(name: str, entries: list[dict]) -> None:
    """Write a JSON list, an entry a line."""
    lines = ",\n".join(map(json.dumps, entries))
    (FOLDER / name).write_text(f"[\n{lines}\n]\n", "utf-8")


def main(cookbook: Path, peft: Path) -> None:
    """Write the sweep, from the smallest model to the largest, and PEFT's three runs."""
    billions = {name: float(number) * BILLIONS[unit]
                for name, number, unit in SIZE.findall((cookbook / SIZES).read_text("utf-8"))}
    _, *blocks = TITLE.split((cookbook / SWEEP).read_text("utf-8"))  # before the titles, a preface
    models = [read_model(block, billions) for block in blocks]
    models.sort(key=lambda model: (model["billions"], model["name"]))
    write_lines("sweep.json", models)
    write_lines("peft.json",
                [read_comparison(peft / COMPARISON.format(name)) for name in COMPARED])


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
