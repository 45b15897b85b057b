"""A real JupyterLab in a folder, and a page of it that is driven and listened to."""

import json
import os
import re
import socket
import subprocess
import sys
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from urllib.request import urlopen

import plotly.graph_objects as go

from lora_edu.explore.page_data import headline
from lora_edu.explore.plain_figure import as_lists, plain_figure
from tests.book import REPOSITORY
from tests.patience import patiently

QUIET = ["--no-browser", "--allow-root", "--ip=127.0.0.1", "--IdentityProvider.token=",
         "--ServerApp.password=", "--LabApp.expose_app_in_browser=True", "--LabApp.news_url=None",
         # servers in several processes start kernels at once, which over TCP may choose one port
         "--KernelManager.transport=ipc"]
CELLS = "[...jupyterapp.shell.currentWidget.content.model.cells]"
WIDGET = "application/vnd.jupyter.widget-view+json"
ELSEWHERE = re.compile(r"^(https?|wss?)://(?!127\.0\.0\.1[:/])")
DATA = """box => JSON.stringify(box.data || [], (key, value) => key.startsWith("_") ? undefined
          : ArrayBuffer.isView(value) ? [...value] : value)"""


@contextmanager
def jupyterlab(folder):
    """The server that ``python -m book.lab`` starts in ``folder``; yields its port, stops it and
    its kernels after."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = {f"JUPYTER_{kind}_DIR": f"{folder}/.{kind}" for kind in ("CONFIG", "DATA")}
    with open(folder / ".log", "wb") as log, TemporaryDirectory(prefix="lab") as runtime:
        server = subprocess.Popen(
            [sys.executable, "-m", "book.lab", *QUIET, f"--port={port}"], cwd=folder,
            env={**os.environ, **settings, "JUPYTER_RUNTIME_DIR": runtime,
                 "IPYTHONDIR": f"{folder}/.ipython", "JUPYTER_CONFIG_PATH": f"{folder}/none",
                 "NODE_PATH": str(REPOSITORY / "node_modules")},
            stdout=log, stderr=subprocess.STDOUT)
        try:
            patiently(lambda: urlopen(f"http://127.0.0.1:{port}/api", timeout=5).close())
            yield port
        finally:  # now and then its process waits for ever for an idle thread of anyio
            server.terminate()
            try:
                server.wait(10)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


class Lab:
    """One browser tab with the notebook: what it complained of, whom it asked, and its views."""

    def __init__(self, context, port: int, notebook: str):
        self.page, self.port, self.errors, self.elsewhere = context.new_page(), port, [], []
        self.page.on("console", lambda message: message.type == "error" and message.text
                     and self.errors.append(message.text))
        self.page.on("pageerror", lambda error: self.errors.append(error.stack))
        for asks in ("request", "websocket"):
            self.page.on(asks, lambda asked: ELSEWHERE.match(asked.url)
                         and self.elsewhere.append(asked.url))
        self.page.goto(f"http://127.0.0.1:{port}/lab/tree/{notebook}?reset")
        self.page.wait_for_selector(".jp-Notebook .jp-Cell")
        self.page.wait_for_function(
            "jupyterapp.shell.currentWidget.sessionContext.session?.kernel?.status === 'idle'")

    def command(self, name: str) -> None:
        """Carry out one of JupyterLab's commands, for at most five minutes; one that asks something
        fails with its question."""
        self.page.evaluate("""name => { window.ended = "";
            jupyterapp.commands.execute(name).then(() => { window.ended = "well"; },
                                                   error => { window.ended = String(error); });
            }""", name)
        ended = self.page.wait_for_function(
            "window.ended || document.querySelector('.jp-Dialog')?.innerText", timeout=300_000)
        assert ended.json_value() == "well"

    def wait_for_no_kernel(self) -> None:
        """Wait until the server runs no kernel."""
        def ask():
            with urlopen(f"http://127.0.0.1:{self.port}/api/kernels") as answer:
                assert json.load(answer) == []

        patiently(ask)

    def close(self) -> None:
        """Stop the kernel and close the tab."""
        self.page.evaluate("jupyterapp.shell.currentWidget.sessionContext.shutdown()")
        self.page.close()

    def cell_errors(self) -> list[str]:
        """What cells have raised, and the cells that have not run."""
        return self.page.evaluate(f"""{CELLS}.filter(c => c.type === 'code').flatMap(c => [
            ...c.outputs.toJSON().filter(o => o.output_type === 'error').map(o => o.evalue),
            ...(c.executionCount || !c.sharedModel.source.trim() ? [] : ['did not run'])])""")

    def cells_with_explorers(self) -> list[int]:
        """The numbers of the cells that show an explorer."""
        return self.page.evaluate(f"""{CELLS}.flatMap((c, i) => c.type === 'code'
            && c.outputs.toJSON().some(o => o.data?.['{WIDGET}']
                && o.data['text/plain'].includes('<explorer')) ? [i] : [])""")

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

    def explorer(self, name: str, view: int = 0):
        """The explorer of that name, as a Playwright locator."""
        return self.page.locator(f'.explorer[data-name="{name}"]').nth(view)


def agree(root, figure: dict) -> None:
    """The plot and the headline of an explorer, given as a locator, come to be those of a figure
    soon."""
    expected = as_lists(plain_figure(go.Figure(figure["data"]))["data"])  # as what is drawn is read
    wanted = headline(figure)

    def ask():
        assert root.locator(".explorer-headline").text_content() == wanted
        drawn = json.loads(root.locator(".explorer-plot").evaluate(DATA))
        assert as_lists(plain_figure(go.Figure(drawn))["data"]) == expected

    patiently(ask)
