"""Axes with a title and fixed ends."""

def labelled(title: str, low: float, high: float, **more) -> dict:
    """An axis from low to high. more: of plotly's axis, such as its ticks."""
    return {**more, "range": [low, high], "title": {"text": title}}


def log_labelled(title: str, low: float, high: float, ticks, *, texts=None) -> dict:
    """A log axis from 10^low to 10^high. ticks: the values named. texts: their names."""
    return labelled(title, low, high, type="log", tickvals=list(ticks),
                    ticktext=texts or [f"{tick:g}" for tick in ticks])
