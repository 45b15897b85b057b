"""The instrument's engine, in Node, against ``train``; its settings and their refusals."""

import subprocess

import numpy as np
import pytest

from book._extensions.node import node_binary
from lora_book.instrument import live, task
from lora_book.instrument.display import instrument
from lora_book.instrument.settings import TABLE, checked, twin_of
from lora_book.workshop import file
from lora_edu import equivalent
from lora_edu.explore.page import NO_PLOT
from tests.parity import (
    FOLLOWS,
    OPTIMISERS,
    STARTS,
    by_python,
    check_single_steps,
    check_whole_runs,
    in_node,
    recorded,
)

REFUSED = [
    ({"rank": 4}, "rank is not a setting; the settings are target, bits, r, alpha, "),
    ({"r": 17}, "r must be a whole number from 1 to 16, got 17"),
    ({"r": 2.5}, "r must be a whole number from 1 to 16, got 2.5"),
    ({"r": "4"}, 'r must be a whole number from 1 to 16, got "4"'),
    ({"r": True}, "r must be a whole number from 1 to 16, got true"),
    ({"r": None}, "r must be a whole number from 1 to 16, got null"),
    ({"alpha": 3}, "alpha must be one of 1, 2, 4, 8, 16, 32, 64, 128, 256, got 3"),
    ({"alpha": True}, "alpha must be one of 1, 2, "),
    ({"target": "hat"}, 'target must be one of "top hat", "cone", "word", "drawn", got "hat"'),
    ({"eps": 0}, "eps must be a number from 1e-12 to 1, got 0"),
    ({"momentum": 1}, "momentum must be a number from 0 to 0.99, got 1"),
    ({"step": 121}, "step must be a whole number from 0 to 120, got 121"),
    ({"bits": "é" * 200}, "bits must be at most 171 letters, digits, - or _, each of which "
                          f'stands for six cells of the drawing, got "{"é" * 99}'),
    ({"bits": "A" * 172}, "bits must be at most 171 letters"),
    ({"bits": "A\n"}, "bits must be at most 171 letters"),
    ({"twin": "3"}, 'twin must be empty, or 2, 4 or 8 and what follows, as in '
                    '"4-alpha-rate-start-eps-decay", got "3"'),
    ({"twin": "2-r"}, "twin must be "),
    ({"twin": None}, "twin must be "),
    ({"twin": ["2"]}, "twin must be "),
    ({"start": "BA zero", "r": 1},
     'start must be a different one at r = 1, got "BA zero": a product '),
]
TWINS = [{"optimiser": optimiser, "start": start, "decay": 0.01, "eps": 1e-4,
          "twin": "-".join([str((2, 4, 8)[(i + j) % 3]), *FOLLOWS])}
         for i, optimiser in enumerate(OPTIMISERS) for j, start in enumerate(STARTS)]


def test_each_step_is_that_of_train():
    python = by_python(300, steps=8)
    check_single_steps(in_node("singleSteps", python.cases, python.data))


def test_whole_runs_are_those_of_train():
    python = by_python(32, steps=120)
    check_whole_runs(in_node("wholeRuns", python.cases, python.data), python)


@pytest.mark.parametrize("settings", TWINS, ids=str)
def test_a_twin_in_python_is_the_equivalent_run(settings):
    settings = checked(settings)
    twin = twin_of(settings)
    adapter, optimiser = equivalent(task.start(settings), task.optimiser(settings),
                                    int(settings["twin"][0]))
    second = task.start(twin)
    assert second.scaling == adapter.scaling
    assert np.array_equal(second.A, adapter.A) and np.array_equal(second.B, adapter.B)
    assert task.optimiser(twin) == optimiser


def test_no_entry_of_a_twin_differs_until_one_setting_does_not_follow():
    assert not any(in_node("twinEntries", TWINS))
    missing = [TWINS[0] | {"twin": TWINS[0]["twin"].replace(f"-{name}", "")} for name in FOLLOWS]
    assert all(in_node("twinEntries", missing))


def test_both_sides_refuse_in_the_same_words():
    said = in_node("refusals", [settings for settings, _ in REFUSED])
    for (settings, words), sentence in zip(REFUSED, said, strict=True):
        assert sentence.startswith(words)
        with pytest.raises(ValueError) as error:
            task.run(**settings)
        assert str(error.value) == sentence


def test_what_stands_in_the_table_is_allowed():
    every = [{name: value} for name, rule in TABLE["settings"].items()
             for value in [rule["default"], *rule.get("allowed", ())]]
    every += [{name: rule[bound]} for name, rule in TABLE["settings"].items() if "min" in rule
              for bound in ("min", "max")]
    assert not any(in_node("refusals", every))
    for settings in every:
        assert checked(settings)[next(iter(settings))] == next(iter(settings.values()))


@pytest.mark.parametrize("bits", ["", "_" * 171], ids=["empty", "full"])
def test_an_empty_drawing_and_a_full_one_are_trained(bits):
    run = task.run(target="drawn", bits=bits)
    assert len(run.A) == 121 and run.norms(120)["loss"] <= run.norms(0)["loss"] == 2048 * bool(bits)


def test_a_readers_file_runs_the_same(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file.write(file.whole())
    for settings in ({}, {"optimiser": "SGD", "start": "both random", "r": 2}, {"eps": 1e-3}):
        own = task.run("yours", **settings)
        book = task.run(**settings)
        np.testing.assert_allclose(own.A, book.A, atol=1e-9)
        np.testing.assert_allclose(own.B, book.B, atol=1e-9)
    for settings in ({"optimiser": "momentum"}, {"decay": 0.1}):
        with pytest.raises(ValueError, match="optimiser must be Adam or SGD, and decay 0, with"):
            task.run("yours", **settings)


def test_a_readers_train_without_its_rule_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file.write(file.whole().replace("B, state_B = rule(B, grad_B, state_B, lr)", "B = B - grad_B"))
    with pytest.raises(ValueError, match="as often for A and for B, got 121, 121, 0"):
        task.run("yours")
    with pytest.raises(ValueError, match="code must be one of"):
        task.run("mine")


def test_a_readers_start_is_drawn(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    random = "A = rng.uniform(-1, 1, (r, k)) / np.sqrt(k)"
    ones = file.whole().replace(random, "A = np.ones((r, k))")
    file.write(ones)
    assert (task.run("yours", r=2).A[0] == 1).all()
    assert (task.run("yours", r=2, start="both zero").A[0] == 0).all()
    file.write(ones.replace("np.ones((r, k))", "np.ones((k, r))"))
    with pytest.raises(ValueError, match=r"of shape \(2, 64\) and .*, got \(64, 2\), \(64, 2\)"):
        task.run("yours", r=2)


def test_a_readers_loop_without_an_end_is_stopped(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file.write(file.whole().replace("return p - lr * g, state", "while True: p = p"))
    with pytest.raises(TimeoutError, match=r"lora\.py .* after 3 seconds"):
        task.run("yours", optimiser="SGD")


def test_python_s_norms_are_those_that_train_records():
    settings = checked({"optimiser": "SGD", "start": "both random"})
    run = task.trained(settings)
    for step, wanted in enumerate(recorded(settings, 120)):
        np.testing.assert_allclose([*run.norms(step).values()], wanted, rtol=1e-9)


@pytest.mark.parametrize(("optimiser", "growth"), [("Adam", 4), ("SGD", 16), ("momentum", 16)])
def test_four_times_alpha_in_the_first_step(optimiser, growth):
    before, after = (task.run(optimiser=optimiser, alpha=alpha).norms(1)["delta"]
                     for alpha in (4, 16))
    assert after / before == pytest.approx(growth, rel=1e-6)


def test_a_viewer_without_widgets_gets_the_sentence_and_the_numbers():
    bundle, _ = instrument("hat", step=8)._repr_mimebundle_()
    html = bundle["text/html"]
    assert "Step 8: " in html and "loss = " in html and NO_PLOT in html
    assert "<canvas" not in html and "<button" not in html
    diverged = instrument("hat", optimiser="SGD", rate=16, alpha=64, r=16, step=120)
    assert "loss = " in diverged._repr_mimebundle_()[0]["text/html"]


def test_the_module_of_a_notebook_is_one_that_javascript_takes(tmp_path):
    """Its scripts are joined, so no two may have a name in common."""
    joined = tmp_path / "notebook.mjs"
    joined.write_text(live.module(), encoding="utf-8")
    subprocess.run([node_binary(), "--check", joined], check=True)


def test_a_run_that_failed_is_asked_for_again():
    assert in_node("asksAgain", []) == 2
