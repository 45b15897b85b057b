"""Makes the data of the small runs behind the answers anew, in a minute of one core:

    python -m lora_book.behind_answers.make_data
"""

import numpy as np

from lora_book.behind_answers import runs_schedules
from lora_book.shared.all_runs import all_runs


def main() -> None:
    schedules = runs_schedules
    losses = all_runs(schedules.train, schedules.SHAPES, schedules.WARMUPS, schedules.RATES)
    np.savez_compressed(schedules.FILE, losses=losses.astype(np.float32))


if __name__ == "__main__":
    main()
