"""The figures of Your adapter, against NumPy's ΔW of the sample; files that lack something."""

import json
import re
import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from safetensors.numpy import load_file, save, save_file

from lora_book.your_adapter import SAMPLE, figures
from lora_edu.explore.plain_figure import validate
from lora_edu.formats.convention import A_STARTS, START_WORDS
from tests.lora_book.figure_words import headline, reading
from tests.lora_book.oracles import apart, of_rank

SETTINGS = json.loads((SAMPLE / "adapter_config.json").read_text())
R = SETTINGS["r"]
TENSORS = load_file(SAMPLE / "adapter_model.safetensors")
NAMES = [key.removesuffix(".lora_A.weight") for key in TENSORS if "lora_A" in key]


def delta(name):
    """s·B·A of a module."""
    A = TENSORS[f"{name}.lora_A.weight"].astype(float)
    B = TENSORS[f"{name}.lora_B.weight"].astype(float)
    return SETTINGS["lora_alpha"] / R * B @ A


ENTRIES = {name.removeprefix("base_model.model."): np.sqrt(np.mean(delta(name)**2))
           for name in NAMES}
NORMS = {name.removeprefix("base_model.model."): np.linalg.norm(delta(name)) for name in NAMES}


@pytest.fixture(scope="module")
def sample():
    return figures.adapter()


def test_the_map_has_each_rms_entry_in_its_cell(sample):
    blocks, parts, _ = sample.map()
    for i, block in enumerate(blocks):
        for j, part in enumerate(parts):
            norm = NORMS[f"{block}.{part}"]
            rms = np.sqrt(np.mean(delta(f"base_model.model.{block}.{part}")**2))
            shown = figures.where(sample, i, j)
            assert shown["data"][0]["z"][j, i] == round(100 * rms / max(ENTRIES.values()))
            share = 100 * norm**2 / sum(value**2 for value in NORMS.values())
            assert (f"{block}.{part}, has an RMS entry of {rms:.3g} and ‖ΔW‖ = {norm:.3g} "
                    f"({share:.3g} % " in headline(shown))


def test_the_frame_starts_on_the_module_whose_entries_changed_most(sample):
    blocks, parts, _ = sample.map()
    block, part = figures.frame(sample)
    assert f"{blocks[block]}.{parts[part]}" == max(ENTRIES, key=ENTRIES.get)
    row = figures.with_numbers(sample)[figures.strongest(sample)]
    assert (row.block, row.part) == (blocks[block], parts[part])
    first, second, third = sorted(ENTRIES, key=ENTRIES.get)[:-4:-1]
    sentence = figures.caption(sample)
    assert sentence.index(first) < sentence.index(second) < sentence.index(third)


@pytest.mark.parametrize("keep", range(1, R + 1))
def test_what_is_lost_is_what_the_svd_of_the_update_loses(sample, keep):
    row = figures.with_numbers(sample)[3]
    update = delta(f"base_model.model.{row.layer}")
    values = np.linalg.svd(update, compute_uv=False)
    lost = apart(of_rank(update, keep), update)
    shown = figures.components(sample, 3, keep)
    of_kept, of_lost = shown["data"]
    np.testing.assert_allclose(of_kept["y"], values[:keep], rtol=1e-6)
    np.testing.assert_allclose(of_lost["y"], values[keep:R], rtol=1e-6)
    assert f"{row.layer} retains {100 * (1 - lost**2):.3g} % of its" in reading(shown)
    squares = [np.linalg.svd(delta(name), compute_uv=False)**2 for name in NAMES]
    kept = [sum(of_one[:keep]) / sum(of_one) for of_one in squares]
    over_all = sum(sum(of_one[:keep]) for of_one in squares) / sum(map(sum, squares))
    poorer = sum(share < 0.9 for share in kept)
    in_each = f"but under 90 % in {poorer} of {len(NAMES)}"
    if poorer in (0, len(NAMES)):
        in_each = f"and under 90 % in all {poorer}" if poorer else "and at least 90 % in each"
    assert (f"Keeping {keep} of {R} components per module retains {100 * over_all:.3g} % of "
            f"‖ΔW‖² overall, {in_each}" in headline(shown))
    assert figures.half(sample) == R // 2


def test_the_sentence_on_the_rank_holds_for_each_module(sample):
    squares = np.array([np.linalg.svd(delta(name), compute_uv=False)**2 for name in NAMES])
    kept = np.cumsum(squares, axis=1) / squares.sum(axis=1, keepdims=True)
    assert kept[:, R - 2].min() < 0.9  # so that all are needed
    whole = 100 * np.cumsum(squares.sum(axis=0)) / squares.sum()
    assert whole[R - 2] < 90 and R == 4  # so that half of the components is what is told
    assert figures.rank(sample) == (
        f"<p><b>Of 4 components in each module, keeping 2 retains {whole[1]:.3g} % of ‖ΔW‖² over "
        "all modules. To retain 90 % in every single module, you must keep all 4.</b></p>")
    of_one = replace(sample, rows=tuple(
        replace(row, singular_values=np.array([4.0, 1.0, 0.01, 0.0])) for row in sample.rows))
    assert "keeping 1 retains 94.1 % and 2 retains 99.9 % of" in figures.rank(of_one)
    assert "you must keep 1." in figures.rank(of_one)


@pytest.mark.parametrize("start", A_STARTS)
def test_the_spread_of_A_is_that_of_its_entries(sample, start):
    A = [TENSORS[f"{name}.lora_A.weight"].astype(float) for name in NAMES]
    ratios = [np.sqrt(np.mean(a**2)) / A_STARTS[start](R, a.shape[1]) for a in A]
    row = f"<td>{START_WORDS[start]}</td><td>{np.median(ratios):.3g}</td>"
    table = figures.how_far(replace(sample, start=None))
    assert row in table and table.count("<tr><td>") == len(A_STARTS)
    named = figures.how_far(replace(sample, start=start))
    grown = np.median(np.abs(np.array(ratios) - 1))
    assert f"By at least {int(100 * grown)} % of its initial norm" in named
    assert "<table>" not in named


def test_the_initialisation_of_the_tools_that_write_a_layout_is_first(sample):
    first_words = {layout: figures.how_far(replace(sample, start=None, layout=layout))
                   .partition("<tr><td>")[2][:10] for layout in ("diffusers", "kohya")}
    assert first_words == {"diffusers": "N(0, 1/r²)", "kohya": "U(±1/√k), "}


def test_the_scale_is_told_to_each_tool(sample):
    norm = np.sqrt(sum(value**2 for value in NORMS.values()))
    s = SETTINGS["lora_alpha"] / R
    text = figures.strengths(sample)
    assert f"Every module has r = {R} and s = {s:g}. ‖ΔW‖ over all modules is {norm:.3g}." in text
    assert f"<td>PEFT</td><td>r={R}, lora_alpha={s * R:g}</td>" in text.partition("<details>")[0]
    others = text.partition("<details>")[2]
    assert f"rank: {R}, scale: {s:g}, " in others
    assert "<td>diffusers, SD</td><td>no setting gives it: there s is 1</td>" in others


def test_modules_without_a_known_scale_are_not_counted_as_having_it(sample):
    first, *others = sample.rows
    mixed = replace(sample, rows=(replace(first, scale=None), *others))
    assert f"{len(others)} of {len(NAMES)} modules have r = {R}" in figures.strengths(mixed)


def test_an_A_far_from_the_usual_start_of_its_layout_only():
    """The file does not say that it began there, so there is no finding."""
    spread = 5 * A_STARTS["kaiming_uniform"](2, 768)
    A = np.random.default_rng(0).normal(0, spread, (2, 768))
    adapter = figures.adapter(save({"lora_unet_q.lora_down.weight": A,
                                    "lora_unet_q.lora_up.weight": np.ones((8, 2))}))
    assert "far-from-start" not in {finding.name for finding in adapter.findings}
    assert "too large?</b> Perhaps. A’s spread is" in figures.how_far(adapter)


def zero_B(key, values):
    return 0 * values if "lora_B" in key else values


def broken_A(key, values):
    return np.nan * values if "lora_A" in key else values


def broken_B(key, values):
    """In one module."""
    return np.nan * values if key == f"{NAMES[1]}.lora_B.weight" else values


def unchanged(key, values):
    return values


@pytest.mark.parametrize(("change", "settings", "words"), [
    (zero_B, SETTINGS, ["‖ΔW‖ = 0 exactly", "ΔW is zero", "too large?</b> A’s spread gives no",
                        "modules is 0 exactly"]),
    (broken_A, SETTINGS, ["has no usable numbers", "No module has", "No module has an A",
                          "and s = 2.</p>"]),
    (broken_B, SETTINGS, ["‖ΔW‖ =", "retains",
                          f"usable numbers: {list(NORMS)[1]}",
                          "‖ΔW‖ over all modules"]),
    (unchanged, {}, ["‖ΔW‖", "retains", "The first row fits A’s spread, or is",
                     "does not give the scale s"])])
def test_a_file_that_lacks_something_is_drawn_as_far_as_it_goes(tmp_path, change, settings, words):
    save_file({key: change(key, values) for key, values in TENSORS.items()},
              tmp_path / "adapter_model.safetensors")
    if settings:
        (tmp_path / "adapter_config.json").write_text(json.dumps(settings))
    adapter = figures.adapter(tmp_path)
    for draw, text in zip((figures.where, figures.components), words[:2], strict=True):
        validate(draw(adapter))
        assert text in headline(draw(adapter))
    for tell, text in zip((figures.how_far, figures.strengths), words[2:], strict=True):
        assert text in tell(adapter)
    assert "<li><p><b>" in figures.findings(adapter)


@pytest.mark.parametrize("change", [zero_B, broken_A])
def test_a_map_without_any_change_has_no_shares(tmp_path, change):
    """Nor a largest entry, or a scale of shades."""
    save_file({key: change(key, values) for key, values in TENSORS.items()},
              tmp_path / "adapter_model.safetensors")
    (tmp_path / "adapter_config.json").write_text(json.dumps(SETTINGS))
    shown = figures.where(figures.adapter(tmp_path))
    heading = shown["layout"]["annotations"][0]["text"]
    for text in (headline(shown), reading(shown), heading):
        assert not re.search("%|largest|■", text)


def test_a_scale_of_zero_is_not_called_unknown():
    adapter = figures.adapter(save({"lora_unet_q.lora_down.weight": np.ones((1, 2)),
                                    "lora_unet_q.lora_up.weight": np.ones((2, 1)),
                                    "lora_unet_q.alpha": np.zeros(())}))
    assert "No scale s is above 0" in figures.strengths(adapter)
    assert "r = 1, α = 0, s = 0 by α/r: 1 module\n" in adapter.report()
    assert "nothing is added" in figures.findings(adapter)


@pytest.mark.parametrize(("scale", "on_a_page", "elsewhere"), [
    (None, "choose adapter_config.json together with this file.", "give α (--alpha 16, or"),
    ({}, "give α (--alpha 16, or alpha=16)", "give α (--alpha 16, or"),
    ({"scale": 20.0}, "", "")])
def test_a_page_in_a_browser_asks_for_the_settings_as_a_file(tmp_path, monkeypatch, scale,
                                                             on_a_page, elsewhere):
    """And a default that was tuned needs nothing."""
    save_file({key.removeprefix("base_model.model.").replace(".weight", "").lower(): values.T
               for key, values in TENSORS.items()}, tmp_path / "adapters.safetensors")
    if scale is not None:
        (tmp_path / "adapter_config.json").write_text(json.dumps({"lora_parameters": scale}))
    page = SimpleNamespace(opened=str(tmp_path / "adapters.safetensors"), progress=None)
    for words, path in ((elsewhere, tmp_path), (on_a_page, None)):
        asked = f"<em>So</em> {words}" if words else "was not chosen. Nothing to do if you tuned"
        assert asked in figures.findings(figures.adapter(path))
        monkeypatch.setitem(sys.modules, "browser_page", page)


def test_the_findings_show_a_file_s_words_and_run_none(tmp_path):
    """And the report to save is the whole one."""
    save_file(TENSORS, tmp_path / "adapter_model.safetensors")
    (tmp_path / "adapter_config.json").write_text(json.dumps(
        SETTINGS | {"modules_to_save": ["<img src=x onerror=alert(1)>"]}))
    adapter = figures.adapter(tmp_path)
    html = figures.findings(adapter)
    assert "<img" not in html and "&lt;img" in html
    assert figures.quote(adapter.report(whole=True)) in html
