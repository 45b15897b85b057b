"""What one explorer weighs, beside Panel and a FigureWidget: python -m tests.benchmarks.weights

Three curves of 100 points with noise, under controls with 7 × 7 × 4 positions, put on a page that
has no kernel behind it. Bytes as a server sends them, compressed by gzip, and as they are. Writes
the table that the book includes, book/measured/weights.txt.

Panel is no part of the project: run this in an environment of its own,

    python -m venv /tmp/weights && /tmp/weights/bin/pip install -e ".[explore]" panel
    /tmp/weights/bin/python -m tests.benchmarks.weights

in the repository, where `npm ci` has brought the slim plotly.js.
"""

from __future__ import annotations

import gzip
import importlib.metadata
import json
import tempfile
from pathlib import Path

import numpy as np

from lora_edu.explore import assets, explore

TABLE = Path(__file__).parents[2] / "book" / "measured" / "weights.txt"
STEPS = np.arange(100)
POWERS = [2**i for i in range(7)]
STARTS = [0, 1, 2, 3]


def curves(r=8, alpha=16, start=0):
    """Three noisy curves, as plotly's dict; no two positions have the same."""
    rate = r * alpha**0.7 / (300 + 50 * start)
    noise = 1 + 0.02 * np.random.default_rng([r, alpha, start]).normal(size=(3, 100))
    return {"data": [{"x": STEPS, "y": noise[i] * np.exp(-rate * STEPS / 20) + i, "mode": "lines",
                      "name": str(i)} for i in range(3)], "layout": {"yaxis": {"range": [0, 4]}}}


def weight(*parts: bytes) -> np.ndarray:
    """(compressed, as they are) in bytes."""
    return np.array([sum(len(gzip.compress(part, 6)) for part in parts), sum(map(len, parts))])


def ours(file: Path) -> tuple[np.ndarray, np.ndarray]:
    """The weights of the page, and of its scripts and styles with this plotly.js."""
    page = explore(curves, r=POWERS, alpha=POWERS, start=STARTS).html().encode()
    script = assets.page_script({"basic": file.name, "cartesian": file.name}).encode()
    return weight(page), weight(script, assets.page_style().encode(), file.read_bytes())


def panel(file: Path) -> tuple[np.ndarray, np.ndarray]:
    """The same of what ``save(embed=True)`` writes: a page that asks for its scripts, and what one
    that holds them weighs more."""
    import panel as pn
    from bokeh.resources import CDN, INLINE

    pn.extension("plotly")
    sliders = [pn.widgets.DiscreteSlider(name="r", options=POWERS, value=8),
               pn.widgets.DiscreteSlider(name="alpha", options=POWERS, value=16),
               pn.widgets.DiscreteSlider(name="start", options=STARTS, value=0)]
    app = pn.Column(*sliders, pn.pane.Plotly(pn.bind(curves, *sliders)))
    weights = []
    for resources in (CDN, INLINE):
        app.save(file, resources=resources, embed=True, max_opts=7, max_states=1000,
                 progress=False)
        weights.append(weight(file.read_bytes()))
    return weights[0], weights[1] - weights[0]


def figure_widget() -> tuple[np.ndarray, None]:
    """The state of a FigureWidget and sliders, as a page embeds it; plotly.js is part of it. What
    brings it to life, ipywidgets' html-manager, is not counted."""
    import ipywidgets
    import plotly.graph_objects as go
    from ipywidgets.embed import dependency_state

    sliders = [ipywidgets.SelectionSlider(options=options) for options in (POWERS, POWERS, STARTS)]
    box = ipywidgets.VBox([*sliders, go.FigureWidget(curves())])
    return weight(json.dumps(dependency_state(box, drop_defaults=False)).encode()), None


def cell(sizes: np.ndarray | None) -> str:
    if sizes is None:
        return "not counted"
    packed, whole = sizes / 1000
    return f"{packed:,.0f} kB ({whole:,.0f} kB)"


def main() -> None:
    version = importlib.metadata.version
    with tempfile.TemporaryDirectory() as folder:
        slim = assets.npm_file(assets.NPM_FILES["basic"])
        rows = {
            "`explore`, plotly.js from npm (basic)": (*ours(slim), 196),
            "`explore`, plotly.py's plotly.js": (*ours(assets.python_plotly()), 196),
            f"Panel {version('panel')}, `save(embed=True)`": (*panel(Path(folder, "p.html")), 196),
            f"FigureWidget (plotly {version('plotly')}) and ipywidgets": (*figure_widget(), 1)}
    table = ("| what | the page | its scripts and styles | positions without a kernel |\n"
             "|---|--:|--:|--:|\n")
    table += "".join(f"| {what} | {cell(page)} | {cell(scripts)} | {positions} |\n"
                     for what, (page, scripts, positions) in rows.items())
    TABLE.write_text(table, encoding="utf-8")
    print(table)


if __name__ == "__main__":
    main()
