"""What make says where its arguments do not fit, in a line and without a traceback."""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def made(*arguments):
    """What make writes before it fails, with its own last line left out; nothing is installed."""
    ready = ["-o", ".venv/.ready", "-o", "node_modules/.ready", "-o", "book"]
    here = f"BIN={os.path.relpath(Path(sys.executable).parent, REPOSITORY)}"  # without a blank
    run = subprocess.run(["make", "--silent", *ready, *arguments, here], cwd=REPOSITORY,
                         capture_output=True, text=True)
    assert run.returncode != 0
    *said, _ = (run.stdout + run.stderr).splitlines()
    return said


@pytest.mark.parametrize(("arguments", "reason"), [
    ([], "it is missing"), (["PAGE=book/none.md"], "there is no book/none.md")])
def test_a_page_that_is_not_there_is_named(arguments, reason):
    [said] = made("page", *arguments)
    assert said == f"PAGE must be a page, such as PAGE=book/part2/step-size, but {reason}"


def test_a_port_in_use_is_named():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        [said] = made("serve", f"PORT={port}")
    assert said == f"PORT must be free, but {port} is in use: try make serve PORT=8001"
