"""States in files of their own: what goes out comes back, and nothing is left behind."""

import numpy as np
import pytest

from lora_edu.explore import explore, stored
from lora_edu.explore.island import islands


def line(slope=1, noise=0):
    return {"data": [{"y": slope + np.random.default_rng(noise).normal(size=400)}]}


@pytest.fixture
def html():
    """An explorer with many states, and one with few."""
    large = explore(line, name="large", slope=range(1, 9), noise=range(4)).html()
    return large + "<p>between</p>" + explore(line, name="small", slope=[1]).html()


def test_states_go_into_files_and_come_back(html, tmp_path):
    waiting = tmp_path / "waiting"
    parted, names = stored.part(html, waiting)
    assert {file.name for file in waiting.iterdir()} == names and len(names) == 2
    assert [each["states"] for each in islands(parted)] == ["", ""]
    assert stored.part(parted, waiting) == (parted, set())
    stored.publish(names, waiting, tmp_path / stored.FOLDER)
    assert stored.whole(parted, tmp_path) == html


def test_a_file_is_named_by_what_is_in_it(html, tmp_path):
    def name(slopes):
        made = explore(line, name="one", slope=slopes, noise=range(4))
        found, = stored.part(made.html(), tmp_path)[1]
        return found

    assert name(range(1, 9)) in stored.part(html, tmp_path)[1]
    assert name(range(1, 9)) != name(range(1, 10))


def test_the_files_of_former_pages_go(html, tmp_path):
    source, target = tmp_path / "source", tmp_path / "target"
    _, names = stored.part(html, source)
    stored.publish(names, source, target)
    (source / "old.js").touch(), (target / "old.js").touch()
    stored.publish(names, source, target)
    assert {file.name for file in (*source.iterdir(), *target.iterdir())} == names
    stored.publish(set(), source, target)
    assert [*source.iterdir(), *target.iterdir()] == []
