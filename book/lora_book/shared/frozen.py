"""LoRA with A frozen."""

LOST = 1e-30  # times η: a step that is lost beside any entry of A


def on_B(optimiser_class):
    """What makes an optimiser of its lr, for ``sweep``, that leaves A where it starts."""
    def make(lr):
        return optimiser_class((LOST * lr, lr))

    return make
