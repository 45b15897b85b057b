"""What is said of public repositories: counted again from the stored rows, with NumPy."""

import json
import shutil
import subprocess

import numpy as np
import pytest

from lora_book.in_the_wild import counts, make_data
from lora_book.your_adapter import SAMPLE


def columns(name, *wanted):
    lines = (counts.DATA / name).read_text("utf-8").splitlines()
    table = np.array([line.split(",") for line in lines])
    heads = table[0].tolist()
    return [table[1:, heads.index(column)] for column in wanted]


def repositories(names, mask):
    return len(set(names[mask]))


@pytest.mark.claim("obs-in-the-wild")
def test_nobody_turns_the_knobs():
    names, tool, alpha = columns("settings.csv", "repository", "tool", "lora_alpha")
    peft = tool == "PEFT"
    assert repositories(names, peft) == 259
    for knob, untouched in (("use_rslora", "False"), ("use_dora", "False"),
                            ("patterns", "False")):
        values, = columns("settings.csv", knob)
        assert set(values[peft]) <= {untouched, ""}  # older versions leave a setting out
    start, = columns("settings.csv", "init_lora_weights")
    assert repositories(names, peft & (start != "True") & (start != "")) == 1
    usual = np.isin(alpha[peft].astype(float), (16, 32))
    others = set(names[peft][~usual])
    assert len(set(names[peft]) - others) == 224


@pytest.mark.claim("obs-in-the-wild")
def test_rank_8_means_a_scale_by_tool():
    names, tool, r, alpha, s = columns(
        "settings.csv", "repository", "tool", "r", "lora_alpha", "scale")
    of_peft = (tool == "PEFT") & (r == "8")
    assert {float(value) for value in alpha[of_peft]} == {8, 16, 32}
    of_scale_1 = of_peft & (alpha == "8")
    assert (repositories(names, of_peft), repositories(names, of_scale_1)) == (124, 6)
    of_mlx = (tool == "MLX") & (r == "8")
    usual = (s == "10.0") | (s == "20.0")
    assert (repositories(names, of_mlx), repositories(names, of_mlx & ~usual)) == (35, 1)
    doubled = np.zeros(len(r), bool)
    peft = tool == "PEFT"
    doubled[peft] = alpha[peft].astype(float) == 2 * r[peft].astype(float)
    assert counts.tally(counts.scale, "PEFT")[2] == repositories(names, doubled)


@pytest.mark.claim("obs-in-the-wild")
@pytest.mark.parametrize(("r", "repositories_of_r", "quartiles"),
                         [(4, 44, (2, 3, 3)), (8, 87, (1, 2, 3.25)), (16, 23, (2, 4, 5.75))])
def test_few_directions_hold_most(r, repositories_of_r, quartiles):
    names, rank, for_90 = columns("weights.csv", "repository", "r", "for_90")
    mask = (rank.astype(float) == r) & (for_90 != "")
    owners = np.unique(names[mask])
    assert len(owners) == repositories_of_r
    medians = [np.median(for_90[mask & (names == owner)].astype(float)) for owner in owners]
    np.testing.assert_allclose(np.percentile(medians, [25, 50, 75]), quartiles)


@pytest.mark.claim("obs-in-the-wild")
def test_one_in_nineteen_has_an_idle_file():
    names, modules, zero = columns("weights.csv", "repository", "modules", "zero")
    assert (len(set(names)), repositories(names, modules == zero)) == (168, 9)
    everyone, = columns("settings.csv", "repository")
    assert len(set(everyone) | set(names)) == 318


def test_a_clone_is_read(tmp_path):
    folder = tmp_path / "owner+name"
    shutil.copytree(SAMPLE, folder / "adapter")
    git = ["git", "-C", folder, "-c", "user.name=a", "-c", "user.email=a@b.c"]
    for words in (["init", "-q"], ["add", "adapter"], ["commit", "-qm", "Add it"]):
        subprocess.run([*git, *words], check=True)
    settings, weights = make_data.survey(folder)
    assert [(row["repository"], row["r"], row["lora_alpha"]) for row in settings] == [
        ("owner/name", 4, 8)]
    assert [(row["modules"], row["zero"]) for row in weights] == [(16, 0)]


def test_other_settings_are_passed_over():
    assert make_data.settings_of(b"{") is None
    in_full = {"fine_tune_type": "full", "lora_parameters": {"rank": 8, "scale": 20.0}}
    for settings in ({"peft_type": "P_TUNING"}, in_full):
        assert make_data.settings_of(json.dumps(settings).encode()) is None
