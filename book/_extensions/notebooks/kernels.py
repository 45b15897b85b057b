"""Kernels that begin with their libraries imported: each is a copy of one process that has them.

To import PyTorch and PEFT takes seconds, and a build starts a kernel for each page. So one process,
the original, imports what all these pages do, and forks for each of them: a page has a process of
its own, in which nothing has run. Jupyter starts a kernel by a command: that command is this file,
which asks the original for a copy and waits until it has ended.
"""

import contextlib
import gc
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

CAN_FORK = sys.platform == "linux"  # elsewhere libraries do not survive it
READY = "ready"
SOCKET = "original"  # in a folder that is entered first: a longer path might be too long for Linux


@contextlib.contextmanager
def with_imported(modules: Iterable[str]) -> Iterator[None]:
    """While this lasts, Jupyter's python3 is a kernel that has these modules imported."""
    if not CAN_FORK:
        yield
        return

    with tempfile.TemporaryDirectory() as folder:
        spec = Path(folder, "kernels/python3/kernel.json")
        spec.parent.mkdir(parents=True)
        spec.write_text(json.dumps({
            "argv": [sys.executable, "-IS", __file__, folder, "-f", "{connection_file}"],
            "display_name": "Python 3 (ipykernel)", "language": "python"}))
        before = os.environ.get("JUPYTER_PATH")
        os.environ["JUPYTER_PATH"] = os.pathsep.join(filter(None, [folder, before]))
        original = subprocess.Popen([sys.executable, __file__, folder], text=True,
                                    stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            print(*modules, file=original.stdin, flush=True)
            for line in original.stdout:  # a library may print as it is imported
                if line.strip() == READY:
                    break
            else:
                raise RuntimeError("the process that kernels are copied from has ended")
            yield
        finally:
            original.terminate()
            original.communicate()
            if before is None:
                del os.environ["JUPYTER_PATH"]
            else:
                os.environ["JUPYTER_PATH"] = before


def be_original(meeting: str) -> None:
    """Import the modules that are named on a line of stdin; then become a kernel for whoever asks
    by the socket in the folder ``meeting``.

    Returns in each copy, when its kernel has ended.
    """
    os.environ["JPY_PARENT_PID"] = str(os.getpid())  # a kernel ends when its parent has
    del sys.path[0]  # this folder
    from ipykernel.kernelapp import IPKernelApp

    for module in sys.stdin.readline().split():
        with contextlib.suppress(ImportError):  # the page that needs it says so
            importlib.import_module(module)

    gc.freeze()  # else a copy's collector would touch, and so copy, what all share
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how a copy ended
    listener = socket.socket(socket.AF_UNIX)
    os.chdir(meeting)
    listener.bind(SOCKET)
    listener.listen()
    print(READY, flush=True)
    os.dup2(2, 1)  # nobody reads on
    while True:
        asker, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            folder, *arguments = json.loads(asker.recv(2**16))
            os.chdir(folder)
            IPKernelApp.launch_instance(arguments)
            return
        asker.close()


def ask(meeting: str, arguments: list[str]) -> None:
    """Ask for a copy that is a kernel in this folder, and wait until it has ended."""
    folder = os.getcwd()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Jupyter sends it before it ends a kernel
    with socket.socket(socket.AF_UNIX) as original:
        os.chdir(meeting)
        original.connect(SOCKET)
        original.sendall(json.dumps([folder, *arguments]).encode())
        original.recv(1)  # nothing is ever sent


if __name__ == "__main__":
    meeting, *arguments = sys.argv[1:]
    if arguments:
        ask(meeting, arguments)
    else:
        be_original(meeting)
