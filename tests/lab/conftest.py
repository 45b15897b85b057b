"""A real JupyterLab in a temporary folder, and a Chromium that may ask nobody else."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from urllib.request import urlopen

import pytest

QUIET = ["--no-browser", "--allow-root", "--ip=127.0.0.1", "--IdentityProvider.token=",
         "--ServerApp.password=", "--LabApp.news_url=", "--LabApp.expose_app_in_browser=True",
         "--LabApp.check_for_updates_class=jupyterlab.handlers.announcements.NeverCheckForUpdate"]


def free_port() -> int:
    """A port of this machine that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def jupyterlab(folder):
    """A JupyterLab server over ``folder``; yields its port and stops it, and its kernels, after."""
    port = free_port()
    own = {f"JUPYTER_{kind}_DIR": f"{folder}/.{kind}" for kind in ("CONFIG", "DATA", "RUNTIME")}
    with open(folder / ".log", "wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *QUIET, f"--port={port}"], cwd=folder,
            env={**os.environ, **own, "IPYTHONDIR": f"{folder}/.ipython"},
            stdout=log, stderr=subprocess.STDOUT)
        try:
            for _ in range(300):
                try:
                    with urlopen(f"http://127.0.0.1:{port}/api", timeout=5):
                        break
                except OSError:
                    assert server.poll() is None, (folder / ".log").read_text()
                    time.sleep(0.1)
            yield port
        finally:
            server.terminate()
            server.wait(30)
