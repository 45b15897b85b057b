"""The file that a reader writes: spliced and judged, and nothing wrong gets in."""

import itertools
import linecache
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

from lora_book.shared.verdict import NotYet
from lora_book.workshop import answer, check, file, restore, take, yours
from lora_book.workshop.judging import judge
from lora_book.workshop.slips import SLIPS, Slip
from lora_book.workshop.splice import spliced, whose
from lora_book.workshop.steps import STEPS, lines, named, whole
from tests.steps import cell_of, emptied, stub, with_slip

NUMBERS = itertools.count()
BOOK = file.books("lora.py")
DRAWN = "rng.uniform(-1, 1, (r, k)) / np.sqrt(k)"
FREEZES = "self.base = base.requires_grad_(False)"
NAMES = "load must return a dict with the names 0, block.1.q, block.10.xq, not "
MISTAKES = [(name, Slip(*row)) for name, *row in [  # which no slip of the book's names
    ("step-zero", DRAWN, DRAWN.replace("rng", "np.random"),
     "start draws A from something other than rng; expected rng."),
    ("step-zero", DRAWN, "rng.normal(0, 0.02, (r, k))",
     "start must draw the entries of A uniformly. They lie between -1.33/√k and 1.36/√k, with a "
     "standard deviation of 0.3/√k; expected between -1.00/√k and 1.00/√k, with a standard "
     "deviation of 0.6/√k."),
    ("step-zero", DRAWN, "rng.uniform(-1, 1, (k, r)) / np.sqrt(k)",
     "start returns an A of shape (4, 1); expected (1, 4)."),
    ("optimisers", "(1 - beta2) * g**2", "(1 - beta2) * g",
     "p after step 1 of adam is wrong. adam([[0]], [[0.1257]], None, 0.05) returned [[-0.01773]]; "
     "expected [[-0.05]]."),
    ("training", "/ (2 * len(X))", "/ (3 * len(X))",
     "The list of losses with adam is off by a constant factor, 0.666667. train([[0.1257]], "
     "[[-0.1321]], [[0.1049]], [[-0.5357]], [[0.3616]], 0.7, 0.03, 3, adam) returned [0.005482, "
     "0.005275, 0.005059]; expected [0.008224, 0.007913, 0.007588]."),
    ("load", "return layers", "return {}", f"{NAMES}an empty one."),
    ("load", "return layers", "return {0: 1, 'a': 2}", f"{NAMES}0, a."),
    ("layer", FREEZES, "self.base = base\n        self.C = nn.Parameter(torch.ones(1))",
     "LoRALinear trains A, B, C, base.bias, base.weight; expected A, B.")]]
STEP = pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run_cell(text: str) -> None:
    """Run a cell as a notebook does, so that its lines can be found."""
    name = f"<cell {next(NUMBERS)}>"
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    functional = torch.nn.functional
    exec(compile(text, name, "exec"), {"np": np, "torch": torch, "nn": nn, "check": check,
                                       "linear": functional.linear})


def text_with(step, parts: dict) -> str:
    """The book's whole text with other lines for one step."""
    return spliced(whole(step.file), step, parts, "yours")


# The book's text against what shares no code with it.


@pytest.mark.parametrize("rule, optimiser", [("sgd", torch.optim.SGD), ("adam", torch.optim.Adam)])
def test_the_books_runs_are_torchs(rule, optimiser):
    rng = np.random.default_rng(0)
    X, Y, W0, A, B = (rng.normal(size=size) for size in [(9, 6), (9, 5), (5, 6), (2, 6), (5, 2)])
    got = BOOK.train(X, Y, W0, A, B, 0.7, 0.03, 20, getattr(BOOK, rule))
    A, B = (torch.tensor(M, requires_grad=True) for M in (A, B))
    stepper = optimiser([A, B], lr=0.03)
    losses = []
    for _ in range(20):
        stepper.zero_grad()
        H = torch.tensor(X) @ (torch.tensor(W0) + 0.7 * B @ A).T
        loss = ((H - torch.tensor(Y))**2).sum(1).mean() / 2
        loss.backward()
        losses.append(loss.item())
        stepper.step()
    for value, wanted in zip(got, (A.detach(), B.detach(), losses), strict=True):
        np.testing.assert_allclose(value, wanted, rtol=1e-10)


# What the check lets in, and what it does not.

@STEP
def test_a_step_is_judged_in_the_file(step, folder, capsys):
    """Sabotaged, too. (Of its page: tests/site/test_steps.py.)"""
    run_cell(stub(step))
    assert "Not answered yet" in capsys.readouterr().out
    run_cell(cell_of(step, with_slip(step)))
    assert SLIPS[step.name][0].sentence in capsys.readouterr().out and not list(folder.iterdir())
    run_cell(cell_of(step))
    assert "Right" in capsys.readouterr().out
    assert whose(step, file.read(step.file)) == "yours"


@STEP
def test_an_untouched_stub_is_never_right(step):
    """Whatever stands in the book's text: it is the reader's that is judged."""
    empty = {name: emptied(text) for name, text in lines(step).items()}
    with pytest.raises(NotYet):
        judge(step, text_with(step, empty))
    with pytest.raises(NotYet):  # and one function of a step alone is not enough
        first = {step.functions[-1]: empty[step.functions[-1]]}
        judge(step, text_with(step, lines(step) | first))


@pytest.mark.parametrize("name, slip", MISTAKES + [
    (name, slip) for name in SLIPS for slip in SLIPS[name]])
def test_each_slip_has_its_sentence(name, slip):
    step = named(name)
    with pytest.raises(NotYet) as problem:
        judge(step, slip.made_in(whole(step.file)))
    assert slip.sentence in str(problem.value)


def test_earlier_steps_are_judged_again(folder, capsys):
    take("low-rank")
    text = file.read()
    folder.joinpath("lora.py").write_text(text.replace("(B @ A) * s", "B @ A"))
    run_cell(cell_of(named("by-hand")))
    printed = capsys.readouterr().out
    assert "Step 1, A low-rank update. ΔW lacks the scale" in printed
    assert "def forward" not in file.read()


FIRST = named("low-rank")
MERGE = "def merge(W0, A, B, s):\n    return W0 + delta(A, B, s)\n"


@pytest.mark.parametrize("delta, words", [
    ("def delta(A, B, s):\n    while True: pass", "3 seconds"),
    ("def delta(A, B, s):\n    while True:\n        try:\n            A = A\n        except "
     "Exception:\n            pass", "3 seconds"),
    ("def delta(A, B):\n    return B @ A", "takes 2 positional arguments but 3 were given"),
    ("def delta(A, B, s):\n    A *= s\n    return B @ A", "changes its argument 1"),
    ("def delta(A, B, s):\n    return helper(A, B)\ndef helper(A, B): return 1",
     "can use only what it or the file"),
    ("def delta(A, B, s=helper):\n    return 1",
     "lora.py stopped in line 11, `def delta(A, B, s=helper):`. NameError"),
    ("def delta(A, B, s):\n    return 'ΔW'", "UFuncTypeError"),
    ("def delta(A, B, s):\n    return 3 * B @ A * s", "returned [[")])
def test_what_is_wrong_is_said(delta, words, capsys):
    text = f"helper = None\n{delta}\n{MERGE}check(delta, merge)"
    run_cell(text)
    assert words in capsys.readouterr().out
    assert "delta" not in file.read()


def test_what_is_wrong_in_the_first_scale_is_said(capsys):
    run_cell("def scale(alpha, r):\n    return 'x'\ncheck(scale)")
    assert " scale(16, 8) returned 'x'; expected 2." in capsys.readouterr().out


def test_what_is_wrong_in_the_layer_is_said(capsys):
    layer = named("layer")
    text = lines(layer)["LoRALinear"].replace("* self.s", "* self.s * 3")
    run_cell(cell_of(layer, {"LoRALinear": text}))
    assert re.search(r"LoRALinear\(\[\[.*\) returned \[\[", capsys.readouterr().out)


@pytest.mark.parametrize("delta", [
    "def delta(A, B, s):\n    print('here')\n    return (B @ A * s).tolist()",
    "def delta(A, B, s):\n    return np.float32(s) * np.float32(B) @ np.float32(A)",
    "def delta(*args):\n    A, B, s = args\n    return s * B @ A"])
def test_other_ways_are_right(delta, capsys):
    run_cell(f"{delta}\ndef merge(W0, A, B, s):\n    return W0 + np.array(delta(A, B, s))\n"
             "check(delta, merge)")
    assert "Right" in capsys.readouterr().out


@pytest.mark.parametrize("call, words", [
    ("check(len)", "in a notebook's cell or a .py file, but len is not"),
    ("check(3)", "in a notebook's cell or a .py file, but 3 is not"),
    ("check(delta)", "No step defines exactly delta. The steps are checked by check(delta, merge)"),
    ("check(delta, start)", "No step defines exactly delta, start. "),
    ("check(strat)", "No step defines exactly strat. ")])
def test_what_is_no_step_is_said(call, words, capsys):
    run_cell("def delta(A, B, s):\n    return 1\n\n\ndef start(): pass\ndef strat(): pass\n" + call)
    assert words in capsys.readouterr().out


def test_of_two_definitions_the_one_given_is_judged(capsys):
    stub_of_delta = "def delta(A, B, s):\n    return None\n"
    run_cell(f"{stub_of_delta}{MERGE}check(delta, merge)\n{lines(FIRST)['delta']}")
    assert "Not answered yet" in capsys.readouterr().out
    wrapper = ("import functools\ndef same(f):\n    @functools.wraps(f)\n    def g(*args):\n"
               "        return f(*args)\n    return g\n")
    run_cell(f"{stub_of_delta}{wrapper}@same\n{cell_of(FIRST)}\n{stub_of_delta}")
    assert "`@same`. NameError" in capsys.readouterr().out


def test_without_a_file_the_check_says_what_it_needs():
    text = f"from lora_book.workshop import check\n{cell_of(FIRST)}"
    told = subprocess.run([sys.executable], input=text, capture_output=True, text=True).stdout
    assert "in a notebook's cell or a .py file, but delta is not" in told


# The file, which is the reader's.

def test_every_other_byte_stays(folder):
    take("low-rank", "by-hand")
    place = folder / "lora.py"
    mine = place.read_text().replace("import numpy as np\n", "import numpy as np  # mine\nPI = 3\n")
    place.write_text(mine + "\n\n# the end, without a new line")
    run_cell(cell_of(FIRST, {"delta": "def delta(A, B, s):\n    return s * (B @ A)\n",
                             "merge": MERGE}))
    text = place.read_text()
    assert "# mine\nPI = 3\n" in text and text.endswith("# the end, without a new line")
    assert "return s * (B @ A)" in text and "(B @ A) * s" not in text


def test_changes_by_hand_are_seen_and_kept(folder, capsys):
    run_cell(cell_of(FIRST))
    place = folder / "lora.py"
    place.write_text(place.read_text().replace("(B @ A) * s", "s * (B @ A)  # by hand"))
    run_cell(cell_of(FIRST))
    assert "-    return s * (B @ A)  # by hand" in capsys.readouterr().out
    assert "by hand" in place.read_text()
    run_cell(cell_of(FIRST, options=", replace=True"))
    assert "by hand" not in place.read_text()
    assert "by hand" in (folder / "lora.before.py").read_text()


def test_an_unanswered_step_is_called_so_before_changes_by_hand(folder, capsys):
    """A wrong one hears of the changes, which may be its correction; no copy is lost to it."""
    run_cell(cell_of(FIRST))
    place = folder / "lora.py"
    place.write_text(place.read_text().replace("(B @ A) * s", "s * (B @ A)"))
    (folder / "lora.before.py").write_text("# earlier")
    capsys.readouterr()
    run_cell(stub(FIRST))
    assert capsys.readouterr().out.startswith("Not answered yet")
    run_cell(cell_of(FIRST, with_slip(FIRST)))
    assert "You have changed these lines" in capsys.readouterr().out
    run_cell(cell_of(FIRST, with_slip(FIRST), ", replace=True"))
    assert SLIPS[FIRST.name][0].sentence in capsys.readouterr().out
    assert (folder / "lora.before.py").read_text() == "# earlier"


def test_a_file_that_does_not_parse_is_said_and_comes_back(folder, capsys):
    run_cell(cell_of(FIRST))
    place = folder / "lora.py"
    good = place.read_text()
    place.write_text(good + "def broken(:\n")
    run_cell(cell_of(named("by-hand")))
    assert f"Line {good.count(chr(10)) + 1} of lora.py does not parse" in capsys.readouterr().out
    with pytest.raises(SyntaxError):
        yours()
    restore()
    assert place.read_text() == good
    assert "broken" in (folder / "lora.before.py").read_text()


def test_a_folder_that_takes_nothing_is_said(monkeypatch):
    monkeypatch.chdir("/proc")
    with pytest.raises(OSError, match=r"/proc/\.lora"):
        run_cell(cell_of(FIRST))


def test_what_is_missing_is_the_books(capsys):
    run_cell(cell_of(named("scale")))
    assert "1 of 9 steps are yours. The first one missing is step 1" in capsys.readouterr().out
    assert yours().scale(8, 4, "rslora") == 4 and yours().scale(8, 4) == 2
    assert yours().forward.__code__ == BOOK.forward.__code__


def test_a_change_counts_at_the_next_call(folder):
    run_cell(cell_of(FIRST))
    place = folder / "lora.py"
    ones = np.ones((1, 1))
    before = yours().delta(ones, ones, 3.0)
    place.write_text(place.read_text().replace("(B @ A) * s", "(B @ A) - s"))  # of equal size
    assert before == 3 and yours().delta(ones, ones, 3.0) == -2


def test_the_first_scale_does_not_come_back(folder, capsys):
    run_cell(cell_of(named("rules")))
    run_cell(cell_of(named("scale")))  # its chapter is run once more
    assert "later version" in capsys.readouterr().out
    assert "rule" in file.read()


def test_an_answer_opens_when_it_is_right(capsys):
    answer("by-hand")
    assert "def forward" not in capsys.readouterr().out
    run_cell(cell_of(named("by-hand")))
    answer("by-hand")
    assert "def forward" in capsys.readouterr().out


def test_the_whole_runs_as_a_program(folder):
    for step in STEPS[:8]:
        run_cell(cell_of(step))
    command = [sys.executable, "-W", "error", str(folder / "lora.py")]
    assert subprocess.check_output(command, text=True) == "the loss falls from 60.22 to 0.0000\n"
    titles = re.findall(r"^# (\d) .* · yours · \w{6}$", file.read(), re.M)
    assert titles == ["1", "2", "3", "4", "5", "7", "8"]


def test_no_reader_s_file_is_in_the_book(monkeypatch):
    file.write(file.read() + MERGE)
    assert yours().merge.__code__ != BOOK.merge.__code__
    monkeypatch.setenv(file.STATIC, "1")
    assert yours().merge.__code__ == BOOK.merge.__code__
