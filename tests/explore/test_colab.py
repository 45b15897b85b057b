"""Colab draws widgets of others only where the metadata of an output names its manager for them.
Colab is not here: a module stands in for its output manager, and is asked as the true one is."""

import sys
from types import ModuleType

import pytest
from anywidget import _util

from lora_edu.explore import explore, show

VIEW, MANAGER = "application/vnd.jupyter.widget-view+json", {"url": "https://widgets.example.org"}


def figure(r=2):
    return {"data": [{"y": [r, 1]}]}


@pytest.fixture
def colab(monkeypatch):
    """How often the manager was switched on."""
    switched, output = [], ModuleType("google.colab.output")
    output.enable_custom_widget_manager = lambda: switched.append(True)
    widgets = ModuleType("google.colab.output._widgets")
    widgets._installed_url = MANAGER["url"]
    output._widgets = widgets
    for name, module in {"google": ModuleType("google"), "google.colab": ModuleType("google.colab"),
                         "google.colab.output": output,
                         "google.colab.output._widgets": widgets}.items():
        monkeypatch.setitem(sys.modules, name, module)
    _util.enable_custom_widget_manager_once.cache_clear()
    yield switched
    _util.enable_custom_widget_manager_once.cache_clear()


def test_an_output_names_colabs_manager_there_and_says_nothing_of_it_elsewhere(request):
    assert explore(figure, r=[1, 2])._repr_mimebundle_()[1] == {}
    switched = request.getfixturevalue("colab")
    data, metadata = show(figure(), name="one")._repr_mimebundle_()
    assert VIEW in data and len(switched) == 1
    assert metadata[VIEW]["colab"]["custom_widget_manager"] == MANAGER
