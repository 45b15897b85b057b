"""What is said of public repositories: counted again from the stored rows, with NumPy."""

import json
import subprocess

import numpy as np
import pytest

from lora_book.in_the_wild import counts, make_data
from lora_edu.nn import inject, save_adapter


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
    assert repositories(names, peft) == 178
    for knob, untouched in (("use_rslora", "False"), ("use_dora", "False"),
                            ("patterns", "False"), ("init_lora_weights", "True")):
        values, = columns("settings.csv", knob)
        assert set(values[peft]) <= {untouched, ""}  # older versions leave a setting out
    others = set(names[peft & (alpha != "16") & (alpha != "32")])
    assert len(set(names[peft]) - others) == 159


@pytest.mark.claim("obs-in-the-wild")
def test_rank_8_means_a_scale_by_tool():
    names, tool, r, alpha, s = columns(
        "settings.csv", "repository", "tool", "r", "lora_alpha", "scale")
    peft = tool == "PEFT"
    assert set(alpha[peft & (r == "8")]) == {"16", "32"}
    of_mlx = (tool == "MLX") & (r == "8")
    assert repositories(names, of_mlx & (s != "10.0") & (s != "20.0")) == 1
    doubled = np.zeros(len(r), bool)
    doubled[peft] = alpha[peft].astype(int) == 2 * r[peft].astype(int)
    assert counts.tally(counts.scale, "PEFT")[2] == repositories(names, doubled) == 108


@pytest.mark.claim("obs-in-the-wild")
@pytest.mark.parametrize(("r", "repositories_of_r", "most", "nearly_all"),
                         [(8, 61, 2, 6), (16, 17, 4, 12)])
def test_few_directions_hold_most(r, repositories_of_r, most, nearly_all):
    names, rank, for_90, for_99 = columns(
        "weights.csv", "repository", "r", "for_90", "for_99")
    mask = (rank.astype(float) == r) & (for_90 != "")
    owners = np.unique(names[mask])
    assert len(owners) == repositories_of_r
    for column, expected in ((for_90, most), (for_99, nearly_all)):
        medians = [np.median(column[mask & (names == owner)].astype(float)) for owner in owners]
        assert np.median(medians) == expected


@pytest.mark.claim("obs-in-the-wild")
def test_one_in_fourteen_does_nothing():
    names, modules, zero = columns("weights.csv", "repository", "modules", "zero")
    assert (len(set(names)), repositories(names, modules == zero)) == (116, 8)
    everyone, = columns("settings.csv", "repository")
    assert len(set(everyone) | set(names)) == 227


def test_a_clone_is_read(tmp_path):
    torch = pytest.importorskip("torch")
    folder = tmp_path / "owner+name"
    folder.mkdir()
    model = torch.nn.Sequential(torch.nn.Linear(6, 5))
    inject(model, r=2, alpha=4, targets=["0"])
    save_adapter(model, folder / "adapter")
    git = ["git", "-C", folder, "-c", "user.name=a", "-c", "user.email=a@b.c"]
    for words in (["init", "-q", "--separate-git-dir", folder / "repo"], ["add", "adapter"],
                  ["commit", "-qm", "Add it"]):
        subprocess.run([*git, *words], check=True)
    settings, weights = make_data.survey(make_data.Clone(folder))
    assert [(row["repository"], row["r"], row["lora_alpha"]) for row in settings] == [
        ("owner/name", 2, 4)]
    assert [(row["modules"], row["zero"]) for row in weights] == [(1, 1)]  # B = 0 at the start


def test_other_settings_are_passed_over():
    assert make_data.settings_of(b"{") is None
    assert make_data.settings_of(json.dumps({"peft_type": "P_TUNING"}).encode()) is None
