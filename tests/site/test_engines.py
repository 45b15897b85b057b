"""The site in Firefox and in WebKit, as a reader uses it: what the controls say, what the sentence
says and what plotly holds is what Python computes there.

A browser is asked by WebDriver, Firefox by its successor BiDi: no package, no code of the page.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import time
import urllib.request
from contextlib import ExitStack, closing
from functools import cache

import pytest
from websocket import create_connection

from lora_edu.explore.page_data import headline
from lora_edu.explore.plain_figure import plain_figure
from tests.nn.lora_files import in_peft, write_peft
from tests.parity import EVERY_KIND, in_node, write_page
from tests.patience import patiently
from tests.site.devices import AS_JSON
from tests.site.pages import MOVABLE, check_figure

pytestmark = [pytest.mark.thorough]
PAGES = ["book/part1/step-zero.html", "book/part2/step-size.html"]
OWN_FILE = "book/answers/your-adapter.html"


class Engine:
    """A browser. Heirs give start(folder), open(address) and evaluate(script)."""

    def __init__(self, folder, programs: ExitStack):
        self.programs = programs
        self.start(folder)

    def program(self, *command, **options) -> None:
        """Start a program, which ends with the browser."""
        process = self.programs.enter_context(subprocess.Popen(command, **options))
        self.programs.callback(process.terminate)

    def run(self, script: str):
        """The value of the function's body ``script``."""
        return json.loads(self.evaluate(f"JSON.stringify((() => {{ {script} }})() ?? null)"))

    def until(self, script: str):
        """The value of ``script`` as soon as it is true."""
        def ask():
            value = self.run(script)
            assert value, script
            return value

        return patiently(ask)

    def choose(self, files: list) -> None:
        """Put files into the page's input."""
        contents = [[file.name, [*file.read_bytes()]] for file in files]
        self.run(f"""
            const chosen = new DataTransfer(), input = document.querySelector("input[type=file]");
            for (const [name, bytes] of {contents})
                chosen.items.add(new File([new Uint8Array(bytes)], name));
            input.files = chosen.files;
            input.dispatchEvent(new Event("change", {{ bubbles: true }}));""")


class Firefox(Engine):
    def start(self, folder):
        program = shutil.which("firefox-esr") or shutil.which("firefox")
        if not program:
            pytest.skip("Firefox is not installed")
        told = self.programs.enter_context((folder / "told").open("w+"))
        self.program(program, "--headless", "--no-remote", "--remote-debugging-port", "0",
                     "--profile", str(folder), stderr=told)
        address = patiently(lambda: re.search(r"(ws://\S+)\n", (folder / "told").read_text())[1])
        self.socket = self.programs.enter_context(closing(
            create_connection(f"{address}/session", timeout=300, suppress_origin=True)))
        self.count = 0
        self.ask("session.new", capabilities={})
        self.tab = self.ask("browsingContext.getTree")["contexts"][0]["context"]

    def ask(self, method: str, **given):
        self.count += 1
        self.socket.send(json.dumps({"id": self.count, "method": method, "params": given}))
        while (answer := json.loads(self.socket.recv())).get("id") != self.count:
            pass
        assert answer["type"] == "success", answer
        return answer["result"]

    def open(self, address: str) -> None:
        self.ask("browsingContext.navigate", context=self.tab, url=address, wait="complete")

    def evaluate(self, script: str) -> str:
        return self.ask("script.evaluate", expression=script, target={"context": self.tab},
                        awaitPromise=False)["result"]["value"]


class WebKit(Engine):
    def start(self, folder):
        for program in ("WebKitWebDriver", "Xvfb"):
            if not shutil.which(program):
                pytest.skip(f"{program} is not installed")
        with (folder / "display").open("w") as display:
            self.program("Xvfb", "-displayfd", str(display.fileno()), pass_fds=[display.fileno()],
                         stderr=subprocess.DEVNULL)
        screen = patiently(lambda: re.search(r"(\d+)\n", (folder / "display").read_text())[1])
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.program("WebKitWebDriver", f"--port={port}",
                     env={**os.environ, "DISPLAY": f":{screen}"})
        self.base = f"http://127.0.0.1:{port}/session"
        self.base += f"/{patiently(lambda: self.ask('', {'capabilities': {}}))['sessionId']}"
        self.programs.callback(self.ask, "", {}, "DELETE")

    def ask(self, path: str, given: dict, method: str = "POST"):
        request = urllib.request.Request(self.base + path, json.dumps(given).encode(),
                                         {"Content-Type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=300) as answer:
            return json.load(answer)["value"]

    def open(self, address: str) -> None:
        self.ask("/url", {"url": address})

    def evaluate(self, script: str) -> str:
        return self.ask("/execute/sync", {"script": f"return {script}", "args": []})


@pytest.fixture(scope="module")
def started(tmp_path_factory):
    with ExitStack() as programs:
        yield cache(lambda kind: kind(tmp_path_factory.mktemp("profile"), programs))


@pytest.fixture(params=[Firefox, WebKit])
def engine(request, started):
    return started(request.param)


def stands(engine: Engine, built, asked: dict) -> None:
    """The inputs come to stand as asked, {control: index}; and sentence and plot are what Python
    computes there."""
    def agree():
        at, sentence, data = engine.run(f"""
            const root = document.getElementById("explorer-{built.name}");
            return [root.explorer.controls.map((control) => control.get()),
                    root.querySelector(".explorer-headline > span").textContent,
                    ({AS_JSON})(root.querySelector(".explorer-plot").data ?? [])];""")
        assert at == list(asked.values())
        values = {c.name: c.values[asked[c.name]] for c in built.controls}
        want = plain_figure(built.function(**values))
        assert sentence == headline(want)
        check_figure(json.loads(data, parse_int=float), want["data"])

    patiently(agree)


@pytest.mark.parametrize("page", PAGES)
def test_what_a_reader_does_is_followed(engine, site, page):
    built = next(each for each in MOVABLE if each.page == page)
    root = f"#explorer-{built.name}"
    alive = f"document.querySelector('{root}.explorer-alive')"
    engine.open(site + page)
    engine.until(f"return !!{alive}")
    moved = {control.name: len(control.values) - 1 for control in built.controls}
    engine.run(f"""document.querySelectorAll("{root} [data-control]").forEach((each) => {{
        const input = [...each.querySelectorAll("input")].at(-1);
        if (input.type === "range") input.value = input.max;
        else input.checked = true;
        input.dispatchEvent(new Event("input", {{ bubbles: true }}));
        each.scrollIntoView({{ block: "end", behavior: "instant" }});
    }})""")
    stands(engine, built, moved)
    engine.run(f"location.href = '{site}search.html'")
    engine.until("return location.pathname === '/search.html'")
    engine.run("history.back()")
    engine.until(f"return location.pathname === '/{page}' && !!{alive}")
    time.sleep(0.5)  # WebKit resets controls when the page is there already
    stands(engine, built, moved)


def test_a_cell_runs_in_the_page(engine, site):
    engine.open(site + PAGES[0])
    engine.run("document.querySelector('.btn-run-page').click()")
    engine.until("return !!document.querySelector('.py-page')")
    engine.run("document.querySelector('.py-run').click()")
    engine.until("""return document.querySelector(".py-run").closest("div.cell")
        .dataset.python === "ran" """)


def test_a_reader_s_own_files_are_drawn(engine, site, tmp_path):
    engine.open(site + OWN_FILE)
    folder = write_peft(tmp_path, in_peft(r=4, lora_alpha=2))
    engine.choose(sorted(folder.glob("adapter_*")))
    engine.until("""return document.querySelector(".py-files [role=status]").textContent
        .startsWith("This page now describes adapter_model.safetensors,")""")
    findings, components = engine.run("""
        const last = (css) => [...document.querySelectorAll(css)].filter(
            (each) => each.checkVisibility()).at(-1).textContent;
        return [last(".findings"), last(".explorer-headline")]""")
    assert "layout peft, 9 modules" in findings and "faults we look for was found" in findings
    assert "of 4 components per module retains" in components



def test_the_instrument_s_runs_have_the_same_bits(engine, folder):
    write_page(folder[0])
    engine.open(folder[1] + "parity.html")
    assert engine.run(f"return parity.digest({json.dumps(EVERY_KIND)})") == in_node(
        "digest", EVERY_KIND)
