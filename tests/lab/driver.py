"""A real JupyterLab in a folder, and a page of it that is driven and listened to."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.request import urlopen

import nbformat

QUIET = ["--no-browser", "--allow-root", "--ip=127.0.0.1", "--IdentityProvider.token=",
         "--ServerApp.password=", "--LabApp.expose_app_in_browser=True"]
# Servers in several processes start kernels at once, which over TCP now and then choose one port.
NO_PORTS = "--KernelManager.transport=ipc"
REPOSITORY = Path(__file__).parents[2]
OURS = REPOSITORY / ".jupyter"  # the settings of python -m book.lab
CELLS = "[...jupyterapp.shell.currentWidget.content.model.cells]"
WIDGET = "application/vnd.jupyter.widget-view+json"
NEWS = "@jupyterlab/apputils-extension:announcements"
ELSEWHERE = re.compile(r"^(https?|wss?)://(?!127\.0\.0\.1[:/])")
DATA = """box => JSON.stringify(box.data || [], (key, value) => key.startsWith("_") ? undefined
          : ArrayBuffer.isView(value) ? [...value] : value)"""


def free_port() -> int:
    """A port of this machine that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def jupyterlab(folder, config=OURS, options=(), module="jupyterlab",
               python=sys.executable):
    """A JupyterLab server over ``folder``; yields its port, stops it and its kernels after.

    config: where its settings lie, if not where the book has them. options: more arguments.
    module: what starts it. python: in which environment.
    """
    port = free_port()
    own = {f"JUPYTER_{kind}_DIR": f"{folder}/.{kind}" for kind in ("CONFIG", "DATA")}
    settings = folder / ".CONFIG" / "labconfig" / "page_config.json"
    settings.parent.mkdir(parents=True)
    settings.write_text(json.dumps({"disabledExtensions": {NEWS: True}}))
    with open(folder / ".log", "wb") as log, TemporaryDirectory(prefix="lab") as runtime:
        server = subprocess.Popen(
            [python, "-m", module, *QUIET, *options, f"--port={port}"], cwd=folder,
            env={**os.environ, **own, "JUPYTER_RUNTIME_DIR": runtime,
                 "IPYTHONDIR": f"{folder}/.ipython", "JUPYTER_CONFIG_PATH": str(config),
                 "NODE_PATH": str(REPOSITORY / "node_modules")},
            stdout=log, stderr=subprocess.STDOUT)
        try:
            _wait_for(server, port, folder / ".log")
            yield port
        finally:
            _stop(server)


def _stop(server) -> None:
    """Ask the server to end, and end it when it has not after a while: now and then its process
    waits for ever for an idle worker thread of anyio, with its kernels and its loop long gone."""
    server.terminate()
    try:
        server.wait(10)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def _wait_for(server, port: int, log) -> None:
    end = time.monotonic() + 180  # the machine may be busy
    while time.monotonic() < end:
        assert server.poll() is None, log.read_text()
        try:
            with urlopen(f"http://127.0.0.1:{port}/api", timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    raise TimeoutError(log.read_text())


def kernels(port: int) -> list[dict]:
    """The kernels that the server runs."""
    with urlopen(f"http://127.0.0.1:{port}/api/kernels") as answer:
        return json.load(answer)


def write_notebook(file, cells: list[str]) -> None:
    """A notebook of code cells; a text that begins with "%" becomes a Markdown cell."""
    made = [nbformat.v4.new_markdown_cell(text[1:]) if text.startswith("%")
            else nbformat.v4.new_code_cell(text) for text in cells]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(nbformat.v4.new_notebook(cells=made, metadata={"kernelspec": kernel}), file)


class Lab:
    """One browser tab with the notebook: what it received and complained of, and its views."""

    def __init__(self, context, port: int, notebook: str, script: str = ""):
        """script: runs before the page's own."""
        self.page, self.received, self.errors, self.elsewhere = context.new_page(), 0, [], []
        self.port = port
        self.page.add_init_script(script)
        self.page.on("console", lambda message: message.type == "error"
                     and self._complained(message.text))
        self.page.on("pageerror", lambda error: self.errors.append(error.stack))
        self.page.on("request", lambda request: self._asked(request.url))
        self.page.on("websocket", self._listen)
        network = context.new_cdp_session(self.page)
        network.send("Network.enable")
        network.on("Network.dataReceived", lambda event: self._count(event["encodedDataLength"]))
        self.page.goto(f"http://127.0.0.1:{port}/lab/tree/{notebook}?reset")
        self.ready()

    def turn_to(self, notebook: str) -> None:
        """Put away the notebook, unsaved, and open another in the same tab."""
        self.page.evaluate("""async path => {
            const open = jupyterapp.shell.currentWidget;
            await open.sessionContext.shutdown();
            open.context.model.dirty = false;
            open.close();
            await jupyterapp.commands.execute("docmanager:open", { path }); }""", notebook)
        self.errors.clear()
        self.ready()

    def ready(self) -> None:
        """Wait for the notebook and its kernel."""
        self.page.wait_for_selector(".jp-Notebook .jp-Cell")
        self.page.wait_for_function(
            "jupyterapp.shell.currentWidget.sessionContext.session?.kernel?.status === 'idle'")

    def _complained(self, text: str) -> None:
        self.errors += text.splitlines()

    def _asked(self, url: str) -> None:
        if ELSEWHERE.match(url):
            self.elsewhere.append(url)

    def _listen(self, socket) -> None:
        self._asked(socket.url)
        socket.on("framereceived", lambda data: self._count(len(data)))

    def _count(self, size: int) -> None:
        self.received += size

    def command(self, name: str) -> None:
        """Carry out one of JupyterLab's commands, to its end."""
        self._begin(name)
        self._end()

    def _begin(self, name: str) -> None:
        self.page.evaluate("""name => { window.ended = "";
            jupyterapp.commands.execute(name).then(() => { window.ended = "well"; },
                                                   error => { window.ended = String(error); });
            }""", name)

    def _end(self) -> None:
        """Wait at most five minutes; a command that asks something fails with its question."""
        ended = self.page.wait_for_function(
            "window.ended || document.querySelector('.jp-Dialog')?.innerText", timeout=300_000)
        assert ended.json_value() == "well"

    def run(self, cell: int | None = None) -> None:
        """Run one cell, or all of them."""
        if cell is None:
            return self.command("notebook:run-all-cells")
        self.page.evaluate(
            "i => { jupyterapp.shell.currentWidget.content.activeCellIndex = i }", cell)
        self.command("notebook:run-cell")

    def wait_for_no_kernel(self) -> None:
        """Wait until the server runs no kernel, for at most a minute."""
        for _ in range(600):
            if not kernels(self.port):
                return
            self.page.wait_for_timeout(100)
        raise AssertionError(f"still there: {kernels(self.port)}")

    def close(self) -> None:
        """Stop the kernel and close the tab."""
        self.page.evaluate("jupyterapp.shell.currentWidget.sessionContext.shutdown()")
        self.page.close()

    def restart_and_run_all(self) -> None:
        """JupyterLab's own command, its question answered; does not wait for the cells."""
        self._begin("notebook:restart-run-all")
        self.page.locator(".jp-Dialog .jp-mod-accept").click()
        self.page.locator(".jp-Dialog").wait_for(state="detached")

    def wait_for_run(self) -> None:
        """Wait until all cells have run, for at most five minutes."""
        self._end()

    def path(self) -> str:
        """The file that is open as a notebook."""
        assert self.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)").count() == 1
        return self.page.evaluate("jupyterapp.shell.currentWidget.context.path")

    def code(self) -> str:
        """The source of the notebook's code cells, joined."""
        return self.page.evaluate(CELLS + ".filter(c => c.type === 'code')"
                                  ".map(c => c.sharedModel.source).join('\\n')")

    def cell_errors(self) -> list[str]:
        """What cells have raised, and the cells that have not run."""
        return self.page.evaluate(f"""{CELLS}.filter(c => c.type === 'code').flatMap(c => [
            ...c.outputs.toJSON().filter(o => o.output_type === 'error').map(o => o.evalue),
            ...(c.executionCount || !c.sharedModel.source.trim() ? [] : ['did not run'])])""")

    def cells_with_widgets(self) -> list[int]:
        """The numbers of the cells that show a widget."""
        return self.page.evaluate(f"""{CELLS}.flatMap((c, i) => c.type === 'code'
            && c.outputs.toJSON().some(o => o.data?.['{WIDGET}']) ? [i] : [])""")

    def show_output(self, cell: int):
        """Scroll to a cell; its place in the page, as a locator."""
        self.page.evaluate("i => { const notebook = jupyterapp.shell.currentWidget.content;"
                           "notebook.activeCellIndex = i; return notebook.scrollToItem(i); }",
                           cell)
        return self.page.locator(f'.jp-Cell[data-windowed-list-index="{cell}"]')

    def ask(self, code: str) -> str:
        """What the kernel prints when it runs ``code``, which leaves no trace in the notebook."""
        return self.page.evaluate("""async code => {
            const kernel = jupyterapp.shell.currentWidget.sessionContext.session.kernel, said = [];
            const future = kernel.requestExecute({ code, store_history: false });
            future.onIOPub = ({ content }) => said.push(content.text || content.evalue || "");
            await future.done;
            return said.join(""); }""", code)

    def interrupt(self) -> None:
        """Interrupt the kernel."""
        self.page.evaluate("jupyterapp.shell.currentWidget.sessionContext.session.kernel"
                           ".interrupt()")

    def restart(self) -> None:
        """Restart the kernel."""
        self.page.evaluate("jupyterapp.shell.currentWidget.sessionContext.restartKernel()")

    def explorer(self, name: str, view: int = 0):
        """The explorer of that name, as a Playwright locator."""
        return self.page.locator(f'.explorer[data-name="{name}"]').nth(view)

    def control(self, name: str, number: int, view: int = 0):
        """One of an explorer's controls, as a locator."""
        return self.explorer(name, view).locator("[data-control]").nth(number)

    def plotted(self, name: str, view: int = 0) -> list[dict]:
        """The traces that plotly has drawn for the explorer of that name."""
        return self.traces(self.explorer(name, view).locator(".explorer-plot"))

    def traces(self, plot) -> list[dict]:
        """The traces that plotly has drawn in a box, given as a locator."""
        return json.loads(plot.evaluate(DATA))
