"""Unpack the states of an explorer as the page does: by its own decode.js, in Node."""

import atexit
import json
from functools import cache
from subprocess import PIPE, Popen

from book._extensions.node import node_binary
from lora_edu.explore import bundle

ANSWER = """
require("readline").createInterface({ input: process.stdin }).on("line", (line) => {
  const [count, joined] = JSON.parse(line);
  console.log(JSON.stringify(Array.from({ length: count }, (_, i) => figureOf(joined, i))));
});"""


@cache
def decoder() -> Popen:
    """A process that answers [number of states, what is packed] with the states, a line each."""
    started = Popen([node_binary(), "-e", bundle.read("decode.js") + ANSWER], stdin=PIPE,
                    stdout=PIPE, text=True, encoding="utf-8")
    atexit.register(started.communicate)
    return started


def unpack(packed: str, count: int) -> list[dict]:
    """The ``count`` states in ``packed``, arrays as lists and all numbers as floats."""
    print(f"[{count}, {packed}]", file=decoder().stdin, flush=True)
    return json.loads(decoder().stdout.readline(), parse_int=float)
