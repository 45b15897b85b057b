"""A run, adapter by adapter."""

from lora_edu import Adapter, train


def adapters_of(problem, start: Adapter, optimiser, steps: int) -> list[Adapter]:
    """The adapter at the start of a run and after each of its steps."""
    adapters = []
    train(problem, start, optimiser, steps,
          watch=lambda step, adapter, loss: adapters.append(adapter))
    return adapters
