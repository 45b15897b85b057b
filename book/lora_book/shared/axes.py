"""Axes with a title and fixed ends."""

BYTES = {"type": "log", "tickvals": [1e6, 1e8, 1e10, 1e12],
         "ticktext": ["1 MB", "100 MB", "10 GB", "1 TB"]}  # an axis of them

def labelled(title: str, low: float, high: float, **more) -> dict:
    """An axis from low to high. more: of plotly's axis, such as its ticks."""
    return {**more, "range": [low, high], "title": {"text": title}}


def log_labelled(title: str, low: float, high: float, ticks, *, texts=None) -> dict:
    """A log axis from 10^low to 10^high. ticks: the values named. texts: their names."""
    return labelled(title, low, high, type="log", tickvals=list(ticks),
                    ticktext=texts or [f"{tick:g}" for tick in ticks])
