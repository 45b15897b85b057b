"""The claims of the chapter The layer, beside those that tests/nn holds."""

import contextlib
import copy
import io
import itertools
from collections import OrderedDict

import numpy as np
import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch import nn

from lora_book.small_gpt import DATA, load_base
from lora_book.the_layer import runs
from lora_book.workshop.file import books
from lora_edu.nn import load_adapter, lora_layers, merge
from tests.book import notebook

PAGE = "book/part3/the-layer"
FORMATS = {"bfloat16": torch.bfloat16, "float16": torch.float16, "float32": torch.float32}


def norm(x):
    return x.double().norm().item()


@pytest.fixture(scope="module")
def chapter():
    """What the chapter's cells have defined once its model is trained."""
    cells = [cell.source for cell in notebook(PAGE).cells if cell.cell_type == "code"]
    end = next(i for i, source in enumerate(cells) if "fit(model)" in source)
    names = {}
    with torch.random.fork_rng(), contextlib.redirect_stdout(io.StringIO()):
        for source in cells[:end + 1]:
            exec(source, names)
    return names


@pytest.mark.claim("obs-autograd")
def test_the_book_s_layer_has_the_gradients_derived_by_hand():
    """G from a plain layer with the merged weight; then s·Bᵀ·G and s·G·Aᵀ."""
    rng = np.random.default_rng(0)
    s = 1.5
    base = nn.Linear(9, 5).double()
    layer = books("lora_torch.py").LoRALinear(
        base, rng.normal(size=(2, 9)), rng.normal(size=(5, 2)), s)
    A, B = layer.A, layer.B
    x = torch.tensor(rng.normal(size=(20, 9)))
    torch.logsumexp(layer(x), 1).square().sum().backward()
    W = (base.weight + s * B @ A).detach().requires_grad_(True)
    torch.logsumexp(x @ W.T + base.bias, 1).square().sum().backward()
    for have, want in ((A.grad, s * B.T @ W.grad), (B.grad, s * W.grad @ A.T)):
        assert have.shape == want.shape and norm(have - want) < 1e-12 * norm(want)
    assert base.weight.grad is None


@pytest.mark.claim("obs-built-is-peft")
@pytest.mark.parametrize("patterns", [
    {}, {"rank_pattern": {"first": 5}, "alpha_pattern": {"q": 7, "first": 3}}])
@pytest.mark.parametrize("use_rslora", [False, True])
def test_the_book_s_two_files_give_what_peft_gives(use_rslora, patterns, tmp_path):
    lora = books("lora.py")
    for seed in range(5):
        torch.manual_seed(seed)
        base = nn.Sequential(OrderedDict(
            first=nn.Linear(24, 32), block=nn.Sequential(OrderedDict(q=nn.Linear(32, 16)))))
        mine = copy.deepcopy(base)
        pefts = get_peft_model(base, LoraConfig(
            r=3, lora_alpha=5, target_modules=["first", "q"], init_lora_weights=False,
            use_rslora=use_rslora, **patterns))
        pefts.save_pretrained(tmp_path)
        layers = lora.load(tmp_path)
        X = torch.randn(10, 24)
        H = X.numpy()
        for name in ("first", "block.q"):
            linear = mine.get_submodule(name)
            H = lora.forward(H, linear.weight.detach().numpy(), *layers[name])[0]
            H = H + linear.bias.detach().numpy()
            parent, _, last = name.rpartition(".")
            setattr(mine.get_submodule(parent), last,
                    books("lora_torch.py").LoRALinear(linear, *layers[name]))
        with torch.no_grad():
            outputs = pefts(X)
            assert torch.equal(mine(X), outputs)
        assert np.abs(H - outputs.numpy()).max() < 1e-6 * outputs.abs().max()


@pytest.mark.claim("obs-merge-rounding")
@pytest.mark.parametrize(("dtype", "matrices", "between", "merged", "unmerged"), [
    (torch.float32, torch.float32, 0, 0, 0), (torch.bfloat16, torch.bfloat16, 0.01, 0.007, 0.007),
    (torch.bfloat16, torch.float32, 0.0085, 0.007, 0.005)])
def test_merged_and_unmerged_are_both_rounded(chapter, dtype, matrices, between, merged, unmerged):
    model = copy.deepcopy(chapter["model"]).to(dtype)
    x = chapter["data"].to(dtype)
    for layer in lora_layers(model).values():
        layer.adapters.to(matrices)
    with torch.no_grad():
        exact = copy.deepcopy(model).double()(x.double())
        apart = model(x).double()
        merge(model)
        one = model(x).double()
    gaps = [norm(a - b) / norm(exact) for a, b in ((one, apart), (one, exact), (apart, exact))]
    assert gaps == pytest.approx([between, merged, unmerged], rel=0.2, abs=1e-6)


def arriving(W0, delta, dtype):
    """(part of ΔW that arrives along ΔW, length of what is missing or besides, against ‖ΔW‖)."""
    received = (W0 + delta).to(dtype).double() - W0
    return ((received * delta).sum().item() / norm(delta)**2,
            norm(received - delta) / norm(delta))


DRAWS = {"normal": lambda rng: rng.normal(size=(128, 128)),
         "uniform": lambda rng: rng.uniform(-1, 1, (128, 128)),
         "long tails": lambda rng: rng.standard_t(3, (128, 128))}
WHOLE = (0.99, 1.01)


@pytest.mark.claim("obs-small-update")
@pytest.mark.parametrize(("draw", "dtype", "size", "kept", "error"), [
    *(("normal", "bfloat16", size, WHOLE, (0, 0.17)) for size in (0.01, 0.03, 0.1, 0.3, 1)),
    ("normal", "bfloat16", 0.001, (0.53, 0.58), (0.77, 0.80)),
    ("normal", "bfloat16", 0.0001, (0, 0.08), (0, 1)),
    ("normal", "float16", 0.001, WHOLE, (0, 1)), ("normal", "float32", 0.00001, WHOLE, (0, 1)),
    ("uniform", "bfloat16", 0.001, (0.435, 0.485), (0, 1)),
    ("long tails", "bfloat16", 0.001, (0.65, 0.95), (0, 1))])
def test_how_much_of_a_short_update_arrives(draw, dtype, size, kept, error):
    for seed in range(20):
        rng = np.random.default_rng(seed)
        W0 = torch.tensor(DRAWS[draw](rng)).to(FORMATS[dtype]).double()
        delta = torch.tensor(rng.normal(size=(128, 8)) @ rng.normal(size=(8, 128)))
        along, missing = arriving(W0, delta * (size * norm(W0) / norm(delta)), FORMATS[dtype])
        assert kept[0] < along < kept[1] and error[0] < missing < error[1]


@pytest.mark.claim("obs-delta-size")
def test_the_shipped_updates_are_not_short_and_survive_bfloat16():
    lengths = []
    for style, r in itertools.product(("bible", "devil"), (1, 4, 8, 16)):
        model = load_base()
        load_adapter(model, DATA / "adapters" / f"{style}-r{r}")
        for layer in lora_layers(model).values():
            W0 = layer.base_layer.weight.detach()
            A, B = (p.detach().double() for p in layer.active[0].parameters())
            delta = 8 / r * B @ A
            lengths.append(norm(delta) / norm(W0))
            assert arriving(W0.bfloat16().double(), delta, torch.bfloat16)[0] > 0.999
    assert len(lengths) == 64 and min(lengths) > 0.3 and max(lengths) < 2


@pytest.mark.claim("obs-subtract")
@pytest.mark.parametrize(("size", "low", "high"), [
    (0.01, 0.97, 0.98), (0.1, 0.88, 0.89), (1, 0.64, 0.65)])
def test_subtracting_gives_back_a_part_of_the_entries(size, low, high):
    for seed in range(20):
        rng = torch.Generator().manual_seed(seed)
        W0 = torch.randn(256, 256, generator=rng).bfloat16()
        delta = (size * torch.randn(256, 256, generator=rng)).bfloat16()
        assert low - 0.002 < ((W0 + delta) - delta == W0).float().mean() < high + 0.002


@pytest.mark.parametrize("name", runs.FORMATS)
def test_the_table_rounds_as_torch_does_and_shows_what_arrives(name):
    values = np.random.default_rng(0).normal(size=4000) * np.geomspace(1e-9, 1e3, 4000)
    values[:8] = 1 + (np.arange(8) + 0.5) * torch.finfo(FORMATS[name]).eps  # ties
    values = np.float32(values).astype(float)
    np.testing.assert_array_equal(runs.rounded(values, name),
                                  torch.tensor(values).to(FORMATS[name]).double().numpy())
    W0, delta = (torch.tensor(m) for m in runs.matrices(name))
    for size, *shares in zip(runs.SIZES, *runs.arrivals(name), strict=True):
        # torch rounds by way of float32: one entry in many thousands differs
        assert shares == pytest.approx(arriving(W0, size * delta, FORMATS[name]), rel=1e-3)
