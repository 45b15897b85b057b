"""The notebook under test: its cells as text, and the same explorers made in this process."""

SETUP = """
import time
import plotly.graph_objects as go
from lora_edu import STARTS
from lora_edu.explore import explore, show
from lora_edu.chapters.step_zero.figures import TAUS, five_starts, saddle, step_zero

def power(n: int = 2, negative: bool = False):
    y = [(-1 if negative else 1) * x**n for x in range(50)]
    return go.Figure(go.Scatter(y=y), {"meta": {"reading": f"x to the {n}"}})

calls, pause = [], 0.5
def slow(n: int = 0):
    time.sleep(pause)
    calls.append(n)
    return go.Figure(layout={"meta": {"reading": f"{n} of {calls}"}})
"""
EXPLORERS = {
    "step-zero": "explore(step_zero, r=[1, 2, 4, 8, 16, 32, 64], alpha=[1, 4, 16, 64],"
                 " start=STARTS, optimiser=['SGD', 'Momentum', 'Adam'])",
    "saddle": "explore(saddle, tau=TAUS, optimiser=['SGD', 'Momentum', 'Adam'])",
    "plane": "show(five_starts(), name='plane', height=460)",
    "power": "explore(power, n=[1, 2, 3], negative=bool)",
    "twice": "explore(saddle, name='twice', tau=[0.0, 1e-8, 1e-2])",
}
VIEWS = len(EXPLORERS) + 2  # one is shown twice; the slow one
CELL = {name: number for number, name in enumerate(EXPLORERS, start=1)}
CELLS = [SETUP, *EXPLORERS.values(), "explore(slow, n=range(13))",
         "%See [64 and both zero](#step-zero?r=64&start=both-zero), [later](#later?r=1)."]
CELLS[CELL["twice"]] = f"twice = {EXPLORERS['twice']}\ndisplay(twice, twice)"
exec(SETUP, here := {})
MADE = {name: eval(code, here) for name, code in EXPLORERS.items()}  # as the kernel makes them
