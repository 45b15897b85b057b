"""Makes the data of the small runs behind the answers again, in an hour on one core:

    python -m lora_book.behind_answers.make_data
"""

import numpy as np
import torch

from lora_book.behind_answers import (
    runs_draws,
    runs_files,
    runs_norms,
    runs_overfit,
    runs_rank,
    runs_schedules,
)
from lora_book.shared.all_runs import all_runs
from lora_book.small_gpt.training import load_base


def main() -> None:
    torch.set_num_threads(1)
    schedules = runs_schedules
    losses = all_runs(schedules.train, schedules.SHAPES, schedules.WARMUPS, schedules.RATES)
    np.savez_compressed(schedules.FILE, losses=losses.astype(np.float32))
    np.savez_compressed(runs_overfit.FILE, losses=runs_overfit.all_losses())
    runs_files.write(runs_files.measured())
    write_rank()
    write_norms()
    write_draws()


def write_rank() -> None:
    runs = runs_rank
    shape = (len(runs.SETTINGS), len(runs.RATES), len(runs.SEEDS))
    losses = np.full((*shape, len(runs.CHANGES)), np.nan, np.float32)
    stable_ranks = np.full((*shape, 24), np.nan, np.float32)  # of the model's 24 matrices
    for i, setting in enumerate(runs.SETTINGS):
        for lr in runs.rates_of(setting):
            for j, seed in enumerate(runs.SEEDS):
                at = i, runs.RATES.index(lr), j
                losses[at], stable_ranks[at] = runs.measured(setting, lr, seed)
    np.savez_compressed(runs.FILE, losses=losses, stable_ranks=stable_ranks)


def write_norms() -> None:
    runs = runs_norms
    losses = {"extra": all_runs(runs.train, runs.EXTRAS, runs.TIMES, runs.SEEDS),
              "alone": all_runs(runs.train_alone, runs.RANKS, runs.SEEDS),
              "base": runs.held_out(load_base())}
    np.savez_compressed(runs.FILE, **{kind: np.float32(each) for kind, each in losses.items()})


def write_draws() -> None:
    runs = runs_draws
    first_draw, first_order = runs.GPT_DRAWS[0], runs.GPT_ORDERS[0]
    losses = {"digits": all_runs(runs.train, runs.RANKS, runs.RATES),
              "cards": all_runs(runs.train_cards, runs.RANKS, runs.WAYS, runs.RATES,
                                runs.CARD_SEEDS),
              "gpt draws": [runs.train_gpt(draw, first_order) for draw in runs.GPT_DRAWS],
              "gpt orders": [runs.train_gpt(first_draw, order) for order in runs.GPT_ORDERS]}
    np.savez_compressed(runs.FILE, **{kind: np.float32(each) for kind, each in losses.items()})


if __name__ == "__main__":
    main()
