"""What a position of an explorer costs: python -m tests.benchmarks.states

For each explorer, over its positions: milliseconds that its figure function takes, which trains or
looks up and draws; those of checking the figure and turning it into plain types; and both once more
where the function's dict is made a plotly Figure first. Each is the fastest of three, one thread;
printed are the medians over the positions.
"""

from statistics import median
from time import perf_counter

import plotly.graph_objects as go
from threadpoolctl import threadpool_limits

from lora_edu import STARTS
from lora_edu.chapters.audit.figures import audit
from lora_edu.chapters.audit.paper import MODELS, RANKS
from lora_edu.chapters.by_hand.figures import costs
from lora_edu.chapters.hundred_steps.figures import hundred_steps
from lora_edu.chapters.invariance.figures import invariance
from lora_edu.chapters.low_rank.figures import low_rank
from lora_edu.chapters.step_size.figures import step_size
from lora_edu.chapters.step_size.runs import ALPHAS, LRS
from lora_edu.chapters.step_zero.figures import step_zero
from lora_edu.explore import explore
from lora_edu.explore.controls import grid
from lora_edu.explore.plain import plain_figure

EXPLORERS = (
    explore(step_zero, r=[1, 2, 4, 8, 16, 32, 64], alpha=[1, 4, 16, 64], start=STARTS,
            optimiser=["SGD", "Adam"]),
    explore(hundred_steps, r=[1, 8, 32], start=STARTS[:3], optimiser=["SGD", "Momentum", "Adam"]),
    explore(invariance, optimiser=["SGD", "Adam"], c=[0.5, 4], lr=bool, start=bool, eps=bool),
    explore(step_size, optimiser=["SGD", "Adam"], alpha=ALPHAS, lr=LRS),
    explore(low_rank, r=[1, 2, 4, 8, 14]),
    explore(costs, d=[64, 1024, 12288], n=[1, 64, 1024], r=[1, 8, 256]),
    explore(audit, model=list(MODELS), r=RANKS),
)


def timed(function, *arguments, **named) -> tuple[float, object]:
    """(milliseconds of the fastest of three calls, what the function returned)."""
    times = []
    for _ in range(3):
        begin = perf_counter()
        made = function(*arguments, **named)
        times.append(1e3 * (perf_counter() - begin))
    return min(times), made


def main():
    print(f"{'explorer':16}{'states':>7}{'function':>10}{'plain':>7}{'state':>7}   as go.Figure")
    for explorer in EXPLORERS:
        rows = []
        for values in grid(explorer.controls):
            making, figure = timed(explorer.function, **values)
            plain, _ = timed(plain_figure, figure)
            wrapping, wrapped = timed(go.Figure, figure)
            unwrapping, _ = timed(plain_figure, wrapped)
            rows.append((making, plain, making + plain, making + wrapping + unwrapping))
        print(f"{explorer.name:16}{len(rows):7}" + "".join(
            f"{median(column):{width}.2f}" for column, width in
            zip(zip(*rows, strict=True), (10, 7, 7, 14), strict=True)), flush=True)


if __name__ == "__main__":
    with threadpool_limits(1):
        main()
