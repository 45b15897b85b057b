"""What the Makefile installs: PyTorch from its own index on Linux, or, where that cannot be
reached, with all the others."""

import subprocess

import pytest

from tests.book import REPOSITORY

CPU = "https://download.pytorch.org/whl/cpu"
PIP = '#!/bin/sh\necho "$*" >> "{said}"\ncase "$*" in *{refused}*) exit 1;; esac\n'


def install(folder, *settings: str, system: str = "Linux", refused: str = "NOTHING"):
    """(pip's calls, what was printed) of setting up an environment whose pip only says its name."""
    for name, text in (("python", "#!/bin/sh\n"), ("uname", f"#!/bin/sh\necho {system}\n"),
                       ("pip", PIP.format(said=folder / "said", refused=refused))):
        (folder / "bin").mkdir(exist_ok=True)
        (folder / "bin" / name).write_text(text)
        (folder / "bin" / name).chmod(0o755)
    run = subprocess.run(
        ["make", f"VENV={folder}", f"{folder}/.ready", *settings], cwd=REPOSITORY, check=True,
        env={"PATH": f"{folder / 'bin'}:/usr/bin:/bin"}, capture_output=True, text=True)
    return (folder / "said").read_text().splitlines(), run.stdout


@pytest.mark.parametrize("settings, system, index", [
    ([], "Linux", CPU), ([], "Darwin", None), ([], "MINGW64_NT-10.0", None),
    (["TORCH_INDEX="], "Linux", None),
    (["TORCH_INDEX=https://example.org/other"], "Darwin", "https://example.org/other")])
def test_pytorch_without_cuda_comes_first_and_alone_where_it_needs_an_index(
        tmp_path, settings, system, index):
    *first, everything = install(tmp_path, *settings, system=system)[0]
    assert everything.endswith("-c constraints.txt -r requirements.txt")
    assert "index" not in everything
    assert len(first) == (index is not None)
    for line in first:
        assert f"--index-url {index} torch>=" in line and "--no-deps" in line


def test_an_index_that_is_not_reached_is_said_and_nothing_stops(tmp_path):
    calls, said = install(tmp_path, refused="--index-url")
    assert len(calls) == 2 and f"No PyTorch from {CPU}" in said
    assert (tmp_path / ".ready").exists()


def test_what_is_downloaded_is_said_and_its_progress_shown(tmp_path):
    calls, said = install(tmp_path)
    assert "MB to download" in said and "GB on disk" in said
    assert not [line for line in calls if "--quiet" in line]
    assert "No PyTorch" not in said
