"""Whole matrices that train beside an adapter: losses of the small GPT, which
``small_gpt.make_data`` stored."""

from lora_edu.chapters.shared import rate_maps


def beside() -> dict[tuple[float, float], list[float]]:
    """Validation losses with the head and the characters' embedding trained in full.

    (rate of the adapter, rate of the two matrices, 0 where they are frozen) → the loss of each
    seed.
    """
    losses = {}
    for line in (rate_maps.FOLDER / "small_gpt_beside.log").read_text("utf-8").splitlines():
        if not line.startswith("#"):
            _, adapter_lr, lr, loss = map(float, line.split())
            losses.setdefault((adapter_lr, lr), []).append(loss)
    return losses
