"""Unpack the states of an explorer as the page does: by its own decode.js, in Node."""

import atexit
import json
from functools import cache
from subprocess import PIPE, Popen

from book._extensions.node import node_binary
from lora_edu.explore import bundle

ANSWER = """
require("readline").createInterface({ input: process.stdin }).on("line", async (packed) => {
  const { count, figure } = await decodeStates(packed);
  const states = Array.from({ length: count }, (_, i) => figure(i));
  console.log(JSON.stringify(
    states, (key, value) => ArrayBuffer.isView(value) ? [...value] : value));
});"""


@cache
def decoder() -> Popen:
    """A process that answers each packed string with its states, a line each."""
    started = Popen([node_binary(), "-e", bundle.read("decode.js") + ANSWER], stdin=PIPE,
                    stdout=PIPE, text=True, encoding="utf-8")
    atexit.register(started.communicate)
    return started


def unpack(packed: str) -> list[dict]:
    """The states in ``packed``, arrays as lists and all numbers as floats."""
    print(packed, file=decoder().stdin, flush=True)
    return json.loads(decoder().stdout.readline(), parse_int=float)
