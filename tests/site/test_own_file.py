"""The page that reads a reader's own file: opened through its input, drawn, refused, stopped."""

import re

import numpy as np
import pytest
import torch
from playwright.sync_api import expect
from safetensors.numpy import save_file

from tests.nn.lora_files import in_peft, write_peft
from tests.site.explorers import is_drawn, reads
from tests.site.pages import HTML

PAGE = "book/answers/your-adapter.html"
pytestmark = pytest.mark.skipif('class="page-python ' not in (HTML / PAGE).read_text("utf-8"),
                                reason="built without NumPy for browsers")


def write_large(folder):
    """An adapter of 224 modules, which takes a while to read; its file."""
    rng = np.random.default_rng(0)
    parts = {f"base_model.model.layers.{i}.q_proj.lora_{letter}.weight":
             rng.normal(0, 0.01, shape).astype(np.float16)
             for i in range(224) for letter, shape in (("A", (16, 4096)), ("B", (4096, 16)))}
    save_file(parts, folder / "adapter_large.safetensors")
    return folder / "adapter_large.safetensors"


def whole_folder(folder):
    """All files of a folder that PEFT saves; neither settings nor adapter is the last."""
    for name, text in (("README.md", "# A"), ("tokenizer_config.json", "{}")):
        (folder / name).write_text(text)
    names = ("README.md", "adapter_config.json", "adapter_model.safetensors",
             "tokenizer_config.json")
    return [folder / name for name in names]


def two_configs(folder):
    """Two files, either of which may be the settings."""
    for name in ("one.json", "two.json"):
        (folder / name).write_text("{}")
    return [folder / "one.json", folder / "two.json"]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """What to open, by name."""
    folder = tmp_path_factory.mktemp("files")
    model = in_peft(r=4, lora_alpha=2)
    write_peft(folder, model)
    settings = folder / "adapter_config.json"
    torch.save({"weight": torch.zeros(3)}, folder / "style.bin")
    pointer = folder / "pointer.safetensors"
    pointer.write_text("version https://git-lfs.github.com/spec/v1\nsize 9\n")
    return {"pointer": [pointer],
            "kohya": [write_peft(folder, model, "kohya")],
            "peft": [settings, folder / "adapter_model.safetensors"],
            "folder": whole_folder(folder),
            "configs": [folder / "adapter_model.safetensors", *two_configs(folder)],
            "pickle": [folder / "style.bin"],
            "settings": [settings],
            "large": [write_large(folder), settings]}


def open_files(page, files, status: str):
    page.locator(".py-files input").set_input_files(files)
    expect(page.locator(".py-files [role=status]")).to_contain_text(status, timeout=300_000)


def headlines(page) -> list[str]:
    """The headlines that can be seen, of the two figures."""
    sentences = page.locator(".explorer-headline > span")
    return [each.inner_text() for each in sentences.all() if each.is_visible()]


def test_files_are_drawn_and_refused_and_the_sample_comes_back(visit, files):
    page = visit(PAGE).page  # which fails the test for a request elsewhere
    sample = headlines(page)
    assert len(sample) == 2
    for name, layer in (("kohya", r"lora_unet_layers_\d_\w+"), ("peft", r"layers\.\d\.\w+"),
                        ("folder", r"layers\.\d\.\w+")):
        adapter = next(file for file in files[name] if file.suffix == ".safetensors")
        open_files(page, files[name], f"now describes {adapter.name},")
        sentences = headlines(page)
        assert len(sentences) == 2
        assert re.match(rf"{layer} changed most. Module \d, {layer}, has an RMS ", sentences[0])
        scale = page.get_by_text("Every module has r = 4 and s = 0.5. ‖ΔW‖ over all modules is")
        assert scale.last.is_visible()
        # The input still names them.
        assert page.locator(".py-files input").evaluate("({ files }) => files.length")
        expect(page.locator(".of-sample:visible")).to_have_count(0)
    expect(page.locator(".py-files [role=status]")).to_contain_text(
        "Ignored: README.md, tokenizer_config.json.")
    components = page.locator("figure[data-name=components]:visible")
    components.locator("input[type=range]").last.press("End")
    reads(components, re.compile("Keeping 4 of 4 components"))
    named = "The page still shows adapter_model.safetensors."
    open_files(page, files["settings"], f"adapter_config.json if it has one. {named}")
    assert page.locator(".py-files input").evaluate("({ files }) => files.length") == 0
    open_files(page, files["pointer"], f"git lfs pull brings the file itself. {named}")
    open_files(page, files["configs"], "Choose one of one.json, two.json.")
    open_files(page, files["pickle"], "this must be a safetensors file, but it is a pickle")
    assert headlines(page) == sample
    expect(page.locator(".of-sample:visible")).to_have_count(2)


def test_a_pointer_of_git_lfs_is_refused_without_python(visit, files):
    tab = visit(PAGE)
    open_files(tab.page, files["pointer"], "pointer.safetensors is a pointer of Git LFS")
    assert not [url for url in tab.requests if "pyodide" in url or "run_page" in url]


def test_a_tap_on_the_map_chooses_a_module(visit):
    tab = visit(PAGE, "phone")
    root = tab.show("learned")
    plot = is_drawn(root)
    place = plot.evaluate("""({ _fullLayout: { xaxis, yaxis } }) => (
        { x: xaxis._offset + xaxis.d2p(3), y: yaxis._offset + yaxis.d2p(2) })""")
    plot.tap(position=place)
    reads(root, re.compile(r"blocks.3.attention.\w+, has an RMS "))


def test_reading_shows_how_far_it_is_and_can_be_stopped(visit, files):
    page = visit(PAGE).page
    sample = headlines(page)
    page.locator(".py-files input").set_input_files(files["large"])
    page.locator(".py-loading", has_text="Reading adapter_large").wait_for(timeout=300_000)
    assert page.locator(".py-loading progress").evaluate("({ max }) => max") == 224
    expect(page.locator(".py-files [role=status]")).to_have_text(
        "Reading your file. Until it has been read, the page shows its sample.")
    expect(page.locator("html")).to_contain_class("py-reading")
    page.get_by_role("button", name="Stop", exact=True).first.click()
    expect(page.locator(".py-files [role=status]")).to_have_text(
        "Stopped. The page shows its sample again.")
    assert headlines(page) == sample
    expect(page.locator("html")).not_to_contain_class("py-reading")
    assert page.locator(".py-files input").evaluate("({ files }) => files.length") == 0
    open_files(page, files["peft"], "now describes adapter_model.safetensors")


@pytest.mark.thorough
def test_axe_finds_nothing_with_a_file_open(visit, files):
    tab = visit(PAGE, "phone", color_scheme="dark")
    open_files(tab.page, files["peft"], "now describes")
    assert tab.axe() == []
    assert tab.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
