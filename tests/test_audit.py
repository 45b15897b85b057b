"""The page Audit the paper: its counts, and checks that tell right from wrong."""

import numpy as np
import pytest
from chapters import printed_solution

from lora_edu.checks import audit as checks
from lora_edu.explore.states import plain_figure
from lora_edu.figures import audit, low_rank

EXERCISES = {"ex-audit-rows": checks.gpt3_rows, "ex-audit-checkpoint": checks.checkpoint,
             "ex-audit-times": checks.reductions, "ex-audit-d4": checks.appendix_d4,
             "ex-audit-gpt2": checks.gpt2_rows, "ex-audit-deberta": checks.deberta,
             "ex-audit-speed": checks.speed, "ex-audit-memory": checks.training_memory,
             "ex-audit-latency": checks.latency}


@pytest.fixture(scope="module")
def solutions():
    """What the page prints as its solutions, by label."""
    names = {"audit": checks, "paper": audit,
             "formula": lambda layers, matrices, d, r: 2 * layers * matrices * d * r}
    return {label: printed_solution(label, **names) for label in EXERCISES}


@pytest.mark.parametrize("label", EXERCISES)
def test_the_printed_solution_passes_its_check(label, solutions, capsys):
    assert EXERCISES[label](**solutions[label])
    assert "Right" in capsys.readouterr().out


@pytest.mark.parametrize("label", EXERCISES)
def test_an_unanswered_question_is_not_right(label, capsys):
    assert not EXERCISES[label]()
    assert "Still to be answered" in capsys.readouterr().out


WRONG = {  # (exercise, mistake): (what is given instead, what the check must say of it)
    ("ex-audit-rows", "A alone"): ({"r1": 2_359_296}, "A and B both train"),
    ("ex-audit-rows", "four matrices"): ({"r4": 37_748_736}, "two matrices a layer"),
    ("ex-audit-rows", "one layer"): ({"r8": 393_216}, "one layer"),
    ("ex-audit-rows", "one matrix"): ({"r8": 196_608}, "one matrix"),
    ("ex-audit-rows", "millions"): ({"r1": 4.718592}, "one by one"),
    ("ex-audit-rows", "the printed figure"): ({"r8": 37.7e6}, "as the paper prints it"),
    ("ex-audit-rows", "r forgotten"): ({"r8": 4_718_592}, "the count at r = 1"),
    ("ex-audit-rows", "frozen matrices"): ({"r4": 192 * 12_288**2}, "not their adapters"),
    ("ex-audit-rows", "text"): ({"r4": "18,874,368"}, "must be a number"),
    ("ex-audit-rows", "something else"): ({"r4": 3 * 18_874_368}, "3 times what it must be"),
    ("ex-audit-checkpoint", "MiB for MB"): ({"mb": 36.0}, "2²⁰ bytes"),
    ("ex-audit-checkpoint", "MB for MiB"): ({"mib": 37.7}, "10⁶ bytes"),
    ("ex-audit-checkpoint", "1000 and 1024"): ({"mib": 36.86}, "mixture"),
    ("ex-audit-checkpoint", "four bytes"): ({"mb": 75.5}, "four bytes a number"),
    ("ex-audit-checkpoint", "one byte"): ({"mb": 18.87}, "one byte a number"),
    ("ex-audit-checkpoint", "bits"): ({"mb": 302}, "bits, not bytes"),
    ("ex-audit-checkpoint", "the printed figure"): ({"mb": 35}, "the paper's figure"),
    ("ex-audit-times", "round"): ({"r4": 10_000}, "round figure"),
    ("ex-audit-times", "upside down"): ({"r1": 2.69e-5}, "upside down"),
    ("ex-audit-times", "per cent"): ({"r1": 2.692e-3}, "a percentage"),
    ("ex-audit-times", "adapted matrices only"): ({"r4": 1536}, "against the adapted matrices"),
    ("ex-audit-times", "four matrices"): ({"r8": 2321}, "two matrices a layer"),
    ("ex-audit-times", "A alone"): ({"r4": 18_571}, "half of the adapters"),
    ("ex-audit-d4", "believed"): ({"count": 37.7e6}, "what D.4 prints"),
    ("ex-audit-d4", "the other rank"): ({"count": 37_748_736}, "count of another rank"),
    ("ex-audit-d4", "two matrices"): ({"count": 9_437_184}, "two matrices a layer"),
    ("ex-audit-d4", "rank believed"): ({"r": 2}, "the rank that D.4 prints"),
    ("ex-audit-d4", "rank for q and v"): ({"r": 8}, "the rank for q and v"),
    ("ex-audit-gpt2", "printed"): ({"medium": 350_000}, "what Table 3 prints"),
    ("ex-audit-gpt2", "small"): ({"medium": 147_456}, "GPT-2 small"),
    ("ex-audit-gpt2", "width of medium"): ({"large": 589_824}, "d = 1280"),
    ("ex-audit-gpt2", "layers of medium"): ({"large": 491_520}, "36 layers"),
    ("ex-audit-gpt2", "A alone"): ({"large": 368_640}, "A and B both train"),
    ("ex-audit-deberta", "printed"): ({"count": 4.7e6}, "what Table 2 prints"),
    ("ex-audit-deberta", "24 layers"): ({"count": 1_179_648}, "XXL has 48 layers"),
    ("ex-audit-deberta", "Table 10's rank"): ({"r": 8}, "Table 10 prints"),
    ("ex-audit-deberta", "α for r"): ({"r": 32}, "scripts' α"),
    ("ex-audit-speed", "time for tokens"): ({"more_tokens": 24.6}, "divide by the speed before"),
    ("ex-audit-speed", "tokens for time"): ({"less_time": 32.6}, "divide by the speed after"),
    ("ex-audit-speed", "the printed figure"): ({"less_time": 25}, "one digit more"),
    ("ex-audit-speed", "a fraction"): ({"more_tokens": 0.326}, "a fraction"),
    ("ex-audit-speed", "a ratio"): ({"more_tokens": 1.326}, "a ratio"),
    ("ex-audit-speed", "what is left"): ({"less_time": 75.4}, "the time that is left"),
    ("ex-audit-speed", "a difference"): ({"more_tokens": 10.6}, "a difference"),
    ("ex-audit-memory", "gradient forgotten"): ({"full_tb": 1.0515}, "three copies"),
    ("ex-audit-memory", "weights alone"): ({"full_tb": 0.3505}, "the weights alone"),
    ("ex-audit-memory", "four bytes"): ({"full_tb": 2.804}, "four bytes a number"),
    ("ex-audit-memory", "TiB"): ({"full_tb": 1.275}, "2⁴⁰"),
    ("ex-audit-memory", "GB"): ({"full_tb": 1402}, "a TB has a thousand"),
    ("ex-audit-memory", "adapters forgotten"): ({"lora_gb": 350.5}, "the adapters train"),
    ("ex-audit-memory", "adapters alone"): ({"lora_gb": 0.151}, "the adapters alone"),
    ("ex-audit-memory", "all trained"): ({"lora_gb": 1402.2}, "the frozen"),
    ("ex-audit-latency", "of the slower"): ({"adapter_l": 17.2}, "divide by 19.8 ms"),
    ("ex-audit-latency", "milliseconds"): ({"adapter_h": 6.0}, "milliseconds"),
    ("ex-audit-latency", "a fraction"): ({"adapter_h": 0.303}, "a fraction"),
    ("ex-audit-latency", "merged is not free"): ({"merged": 0.78125}, "unmerged"),
    ("ex-audit-latency", "one product"): ({"apart": 0.390625}, "one of the two products"),
    ("ex-audit-latency", "merged for apart"): ({"apart": 0}, "applied apart"),
}


@pytest.mark.parametrize(("label", "mistake"), WRONG)
def test_a_plausible_mistake_is_rejected_and_named(label, mistake, solutions, capsys):
    changed, hint = WRONG[label, mistake]
    assert not EXERCISES[label](**{**solutions[label], **changed})
    said = capsys.readouterr().out
    assert hint in said
    assert said.count(":") <= 2, said  # the right answers beside it are not complained about


def test_every_question_has_mistakes_for_each_of_its_numbers(solutions):
    for label, solution in solutions.items():
        named = {name for (which, _), (changed, _) in WRONG.items() if which == label
                 for name in changed}
        assert named == set(solution)


def test_counts_agree_with_the_first_chapter_and_with_matrices():
    """Two models are in both modules; and one layer of GPT-2 is made of real arrays."""
    for mine, theirs in (("GPT-3", "GPT-3"), ("GPT-2 M", "GPT-2 medium")):
        for targets in low_rank.TARGETS:  # all of these matrices are square: v counts as q
            here = audit.trainable(mine, "v" if targets == "q" else targets, 8)
            assert here == low_rank.trainable(theirs, targets, 8)[0]
    size, r = audit.MODELS["GPT-2 L"], 3
    d = size.d
    layer = [(d, d)] * 4 + [(4 * d, d), (d, 4 * d)]
    entries = sum(np.zeros((r, k)).size + np.zeros((rows, r)).size for rows, k in layer)
    assert audit.trainable("GPT-2 L", "all six", r) == size.layers * entries


MISSES = {"GPT-2 M": -0.110, "GPT-2 L": 0.044, "RoBERTa base": 0.017, "RoBERTa large": 0.017}


@pytest.mark.parametrize("model", audit.PRINTED)
def test_printed_figures_beside_the_count(model):
    """GPT-3's rows are cut off after a digit, at most 0.6 % low; the others miss as said."""
    for targets, r, printed in audit.PRINTED[model]:
        miss = printed / audit.trainable(model, targets, r) - 1
        if model == "GPT-3":
            assert -0.006 < miss <= 0
        else:
            assert miss == pytest.approx(MISSES[model], abs=1e-3)


def test_gpt2s_printed_figures_are_a_thousandth_of_the_model():
    for model, cut in (("GPT-2 M", 0.35), ("GPT-2 L", 0.77)):
        assert int(audit.MODELS[model].total / 1e3 / 1e4) / 100 == cut
        assert audit.PRINTED[model][0][2] == cut * 1e6


def test_eighteen_million_are_binary():
    assert audit.trainable("GPT-3", "q, v", 4) == 18 * 2**20


def test_deberta_s_printed_count_is_that_of_rank_sixteen():
    assert round(2 * 2 * 48 * 1536 * 16 / 1e6, 1) == 4.7


def test_memory_is_copies_of_the_model():
    total, trained = audit.MODELS["GPT-3"].total, audit.trainable("GPT-3", "q, v", 4)
    assert audit.memory("GPT-3", trained, True, 2) == (2 * total, 4 * total, 8 * total)
    checkpoint, moments, everything = audit.memory("GPT-3", trained, False, 4)
    assert (checkpoint, moments) == (4 * trained, 8 * trained)
    assert everything - 4 * total == 4 * 4 * trained


@pytest.mark.parametrize(("size", "words"), [
    (37_748_736, "37.7 MB"), (350e9, "350 GB"), (1.4e12, "1.4 TB"), (36_864, "36.9 kB")])
def test_bytes_in_words(size, words):
    assert audit.size_text(size) == words


def test_the_figure_marks_what_the_paper_prints():
    figure = plain_figure(audit.audit("GPT-3", "q, k, v, o", 2))
    printed = next(t for t in figure["data"] if t["name"] == "printed")
    assert list(printed["x"]) == [1, 2, 4, 64]
    said = figure["layout"]["meta"]["reading"]
    assert "18,874,368 trainable" in said and "printed: 18.8 million, −0.4 %" in said
    alone = plain_figure(audit.audit("GPT-2 L", "all six", 1))
    assert all(len(t["x"]) == 0 for t in alone["data"] if t["name"].startswith("paper"))


def test_every_state_lies_within_its_axes():
    for model in audit.MODELS:
        for targets in audit.TARGETS:
            for r in (1, 64):
                figure = plain_figure(audit.audit(model, targets, r, 4 if r > 1 else 2))
                for trace in figure["data"]:
                    axis = "yaxis" + trace.get("yaxis", "y")[1:]
                    low, high = figure["layout"][axis]["range"]
                    if len(trace["y"]):
                        logs = np.log10(np.array(trace["y"], float))
                        assert low < logs.min() and logs.max() < high
