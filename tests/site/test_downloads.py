"""Each chapter's page offers its executed notebook, and nothing leads nowhere."""

import re
import subprocess
import sys
from zipfile import ZipFile

import nbformat
import pytest
from nbclient import NotebookClient

from book._extensions.notebooks.download import BOX, INVITE
from book._extensions.notebooks.first_cell import extra_for
from book._extensions.notebooks.wheel import wheel_names
from tests.book import NOTEBOOKS, REPOSITORY, code
from tests.site.pages import EXPLORERS, HTML, all_pages

BUTTON = re.compile(r'<a href="([^"]+)\.(?:ipynb|zip)"[^>]*btn-download-notebook-button')
WIDGET = "application/vnd.jupyter.widget-view+json"


def offered(page):
    """The notebook behind the download button of a page, alone or in a zip file."""
    (link,) = BUTTON.findall((HTML / f"{page}.html").read_text(encoding="utf-8"))
    return nbformat.read((HTML / f"{page}.html").parent / f"{link}.ipynb", as_version=4)


@pytest.mark.parametrize("page", NOTEBOOKS)
def test_a_chapter_offers_its_notebook(page):
    downloaded = offered(page)
    nbformat.validate(downloaded)
    first, *cells = [cell for cell in downloaded.cells if cell.cell_type == "code"]
    assert downloaded.cells[0] is first and "%pip install" in first.source
    outputs = [output for cell in cells for output in cell.outputs]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    streams = [(cell.execution_count, output.name) for cell in cells for output in cell.outputs
               if output.output_type == "stream"]
    assert len(set(streams)) == len(streams)  # what was printed in pieces stands there once
    assert outputs and not [o for o in outputs if WIDGET in o.get("data", {})]
    assert "widgets" not in downloaded.metadata
    html = "".join(output.get("data", {}).get("text/html", "") for output in outputs)
    assert not any(part in html for part in ("<svg", "<canvas", "explorer-", "instrument-"))
    explorers = sum(built.page == f"{page}.html" for built in EXPLORERS)
    instruments = (HTML / f"{page}.html").read_text("utf-8").count('<figure class="instrument')
    assert html.count(INVITE) == explorers + instruments


@pytest.mark.thorough
@pytest.mark.parametrize("extra", ["", "torch", "peft"])
def test_every_download_runs_in_a_bare_environment(extra, tmp_path, monkeypatch):
    """From its zip file, in an environment that has Jupyter's kernel and nothing else."""
    python = tmp_path / "bare" / "bin" / "python"
    for command in ([sys.executable, "-m", "venv", tmp_path / "bare"],
                    [python, "-m", "pip", "install", "--quiet", "ipykernel"],
                    [python, "-m", "ipykernel", "install", "--name=bare", "--prefix", tmp_path]):
        subprocess.run(command, check=True)
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "share" / "jupyter"))
    monkeypatch.delenv("PYTHONPATH", raising=False)

    for page in (page for page in NOTEBOOKS if extra_for(code(page)) == extra):
        (zipped,) = (HTML / "_sources").rglob(f"{page}.zip")
        with ZipFile(zipped) as files:
            files.extractall(tmp_path)
        folder = tmp_path / zipped.stem
        downloaded = nbformat.read(folder / f"{zipped.stem}.ipynb", as_version=4)
        where = {"metadata": {"path": folder}}
        NotebookClient(downloaded, timeout=1200, kernel_name="bare", resources=where).execute()


def test_zip_files_hold_the_wheels():
    zipped = sorted((HTML / "_sources").rglob("*.zip"))
    assert len(zipped) in (0, len(NOTEBOOKS))  # none where the site's address is known
    for file in zipped:
        names = {name.partition("/")[2] for name in ZipFile(file).namelist()}
        assert names == {file.with_suffix(".ipynb").name, *wheel_names(REPOSITORY)}


def test_the_assignment_for_a_class_has_its_four_files():
    assert set(ZipFile(HTML / BOX).namelist()) == {
        "lora-from-scratch.ipynb", "lora.py", "lora_torch.py", "test_lora.py"}
    assert f'href="../{BOX}"' in (HTML / "book/teaching.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", all_pages())
def test_every_link_finds_its_file(page):
    text = (HTML / page).read_text(encoding="utf-8")
    links = re.findall(r'<a\b[^>]*href="((?!\w+:|#|/)[^"]+)"', text)
    files = {(HTML / page).parent / re.split("[?#]", link)[0] for link in links}
    assert [file for file in files if not file.is_file()] == []
