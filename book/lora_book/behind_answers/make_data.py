"""Makes the data of the small runs behind the answers again, in half an hour on one core:

    python -m lora_book.behind_answers.make_data
"""

import numpy as np
import torch

from lora_book.behind_answers import runs_files, runs_overfit, runs_schedules
from lora_book.shared.all_runs import all_runs


def main() -> None:
    torch.set_num_threads(1)
    schedules = runs_schedules
    losses = all_runs(schedules.train, schedules.SHAPES, schedules.WARMUPS, schedules.RATES)
    np.savez_compressed(schedules.FILE, losses=losses.astype(np.float32))
    np.savez_compressed(runs_overfit.FILE, losses=runs_overfit.all_losses())
    runs_files.write(runs_files.measured())


if __name__ == "__main__":
    main()
