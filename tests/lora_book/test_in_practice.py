"""The claims of the chapter In practice, but for the doctor's (tests/nn/test_doctor.py) and that of
one number (test_divide_by_r.py)."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
import transformers
from peft import PeftModel
from peft.helpers import rescale_adapter_scale
from safetensors.torch import load_file
from torch import nn

from lora_book.in_practice import memory, nf4, runs_memory
from lora_book.in_practice.memory import LLAMAS, MODULES, PRECISIONS, account, kept, llama
from lora_book.small_gpt import DATA, fit, load_base, loss_on, part, results
from lora_edu import Adam, Adapter, train
from lora_edu.nn import inject, load_adapter, lora_layers, merge_and_unload
from tests.book import notebook
from tests.lora_book.oracles import apart, of_rank, span

PAGE = "book/notes/files-and-faults"
pytestmark = pytest.mark.filterwarnings(  # transformers calls an old name of its own
    "ignore:`is_gradient_checkpointing` is deprecated")


# --- memory

@pytest.mark.parametrize("name", ["16 bits", "mixed"])
def test_a_file_has_the_bytes_that_are_counted(name, tmp_path):
    setting = llama(2, 64, 160, 4, 32, vocabulary=50), "all seven", 4, PRECISIONS[name]
    runs_memory.adapted(*setting).save_pretrained(tmp_path)
    tensors = load_file(tmp_path / "adapter_model.safetensors")
    assert sum(tensor.nbytes for tensor in tensors.values()) == memory.file(*setting)


exactly = pytest.mark.skipif(transformers.__version__ < "5", reason="its Llama keeps other tensors")
TWO_TEXTS = torch.zeros((2, 96), dtype=torch.long)


@exactly
@pytest.mark.claim("obs-kept")
@pytest.mark.parametrize("modules", MODULES)
@pytest.mark.parametrize("name", ["16 bits", "mixed"])
def test_a_layer_keeps_what_is_counted(modules, name):
    """Bytes that the second of two layers keeps of a token, and once the copies of A and B."""
    precision = PRECISIONS[name]
    ids = TWO_TEXTS[:, :48]
    for d, hidden, heads, kv in ((64, 160, 4, 32), (64, 96, 2, None)):
        sizes = [llama(layers, d, hidden, heads, kv, vocabulary=50) for layers in (1, 2)]
        one, two = (runs_memory.adapted(size, modules, 4, precision) for size in sizes)
        trained = sum(p.numel() for p in one.parameters() if p.requires_grad)
        more = runs_memory.saved(two, ids, precision) - runs_memory.saved(one, ids, precision)
        of_a_token = (more - 2 * trained * precision.copies) / ids.numel()
        assert of_a_token == sum(kept(sizes[0], modules, 4, precision).values())


@exactly
@pytest.mark.parametrize(("modules", "name", "ratio"), [
    ("q, v", "16 bits", 0.75), ("q, v", "mixed", 0.8),
    ("all seven", "16 bits", 0.925), ("all seven", "mixed", 1.11)])
def test_adapters_keep_more_than_full_fine_tuning_only_on_all_layers(modules, name, ratio):
    """Bytes that the second of two layers keeps, over those without adapters, all trained."""
    precision = PRECISIONS[name]

    def kept_by_the_second(is_whole):
        sizes = [llama(layers, 128, 344, 4, vocabulary=50) for layers in (1, 2)]
        nets = [runs_memory.adapted(size, modules, 4, precision) for size in sizes]
        if is_whole:
            nets = [net.unload().requires_grad_(True) for net in nets]
        one, two = (runs_memory.saved(net, TWO_TEXTS, precision) for net in nets)
        return two - one

    assert kept_by_the_second(False) / kept_by_the_second(True) == pytest.approx(ratio, abs=0.02)


def ratio_to_the_peak(size, modules, name, checkpointing):
    """The bytes of the account over those held at once, in a step on 192 tokens."""
    precision = PRECISIONS[name]
    model = runs_memory.adapted(size, modules, 8, precision, checkpointing)
    counted = account(size, modules, 8, precision, TWO_TEXTS.numel(), checkpointing)
    return sum(counted.values()) / runs_memory.peak(model, TWO_TEXTS, precision)


@exactly
@pytest.mark.claim("obs-peak")
@pytest.mark.parametrize(("checkpointing", "most"), [(False, 1.03), (True, 1.25)])
@pytest.mark.parametrize("name", ["16 bits", "mixed"])
@pytest.mark.parametrize("modules", MODULES)
def test_the_account_bounds_the_peak(modules, name, checkpointing, most):
    size = (llama(4, 256, 704, 4, 128, vocabulary=2000) if modules == "q, v" else
            llama(3, 192, 512, 4, 96, vocabulary=1500))
    assert 1 < ratio_to_the_peak(size, modules, name, checkpointing) < most


@exactly
@pytest.mark.claim("obs-peak")
def test_where_logits_are_few_the_peak_lies_elsewhere():
    size = llama(3, 192, 512, 4, 96, vocabulary=200)
    ratio = ratio_to_the_peak(size, "all seven", "mixed", checkpointing=False)
    assert ratio == pytest.approx(0.98, abs=0.005)


@pytest.mark.claim("obs-peak", "obs-kept")
@pytest.mark.parametrize(("name", "r", "adapters", "total"), [
    ("mixed", 16, 0.64e9, 15.9e9), ("4-bit base", 16, 0.64e9, 6.2e9),
    ("mixed", 256, 10.2e9, 10.2e9 * 5 / 2)])
def test_the_totals_for_llama_7b(name, r, adapters, total):
    """With 2,048 tokens and checkpointing. adapters: A, B, their gradients and moments."""
    size = LLAMAS["7B"]
    assert size.linear + size.rest == 6_738_415_616
    of_a_layer = sum(kept(size, "all seven", 16, PRECISIONS["mixed"]).values())
    assert of_a_layer == pytest.approx(203_000, rel=1e-3)
    terms = account(size, "all seven", r, PRECISIONS[name], 2048, True)
    trained = terms["A and B"] + terms["gradients"] + terms["moments"]
    assert trained == pytest.approx(adapters, rel=0.01)
    assert sum(terms.values()) == pytest.approx(total, rel=0.008 if r == 16 else 0.07)


# --- four bits

TABLE = np.array((  # bitsandbytes' levels
    -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453,
    -0.28444138169288635, -0.18477343022823334, -0.09105003625154495, 0.0,
    0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
    0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0))


def nearest_of_table(W):
    """W rounded in blocks of 64 by trying every level."""
    rows = W.reshape(-1, 64)
    constants = np.abs(rows).max(axis=1, keepdims=True)
    tried = np.abs(rows[..., None] / constants[..., None] - TABLE)
    return (TABLE[tried.argmin(-1)] * constants).reshape(W.shape)


@pytest.mark.claim("obs-nf4")
@pytest.mark.parametrize("seed", range(3))
def test_what_rounding_costs(seed):
    W = np.random.default_rng(seed).normal(0, 0.02, (512, 512))
    np.testing.assert_allclose(nf4.in_four_bits(W, double=False), nearest_of_table(W), atol=1e-7)
    assert apart(nf4.in_four_bits(W), W) == pytest.approx(0.092, abs=0.0005)
    assert 8 * PRECISIONS["4-bit base"].linear == pytest.approx(4.127, abs=0.0005)


@pytest.mark.claim("obs-nf4")
@pytest.mark.parametrize("power", [1, 3])  # heavy tails
def test_codes_and_constants_of_bitsandbytes(power):
    """Where it is installed."""
    functional = pytest.importorskip("bitsandbytes.functional")
    W = np.random.default_rng(0).normal(size=(512, 512)).astype("f4")**power * 0.02
    settings = {"blocksize": 64, "quant_type": "nf4"}
    packed, plain = functional.quantize_4bit(torch.tensor(W), **settings)
    codes, constants = nf4.quantised(W, nf4.levels(), nf4.BLOCK)
    flat = codes.ravel()
    np.testing.assert_array_equal(packed.numpy().ravel(), flat[::2] << 4 | flat[1::2])
    np.testing.assert_array_equal(plain.absmax.numpy(), constants)
    _, state = functional.quantize_4bit(torch.tensor(W), compress_statistics=True, **settings)
    mine, _ = nf4.quantised(constants - constants.mean(dtype="f4"), nf4.dynamic(), nf4.CONSTANTS)
    off = mine.ravel()[:len(constants)].astype(int) - state.absmax.numpy().astype(int)
    assert np.abs(off).max() <= 1 and np.mean(off != 0) < 0.003


def coarse(model):
    for name, layer in model.named_modules():
        if type(layer) is nn.Linear and name != "head":
            layer.weight.data = torch.from_numpy(nf4.in_four_bits(layer.weight.detach().numpy()))
    return model


def adapted(model, seed=0, lr=0.032):
    inject(model, ["q", "v"], r=8, alpha=8, rng=np.random.default_rng(seed))
    fit(model, part("bible", "train"), steps=60, lr=lr, rng=np.random.default_rng(seed))
    return model


@pytest.mark.thorough
@pytest.mark.claim("obs-four-bits")
def test_training_on_four_bits():
    test = part("bible", "test")
    gaps = []
    bases = np.array([loss_on(base, test) for base in (load_base(), coarse(load_base()))])
    assert bases[1] - bases[0] == pytest.approx(0.006, abs=0.0005)
    for seed in range(3):
        losses = [loss_on(adapted(base, seed), test) for base in (load_base(), coarse(load_base()))]
        gaps.append(losses[1] - losses[0])
        assert min(bases - losses) > 10 * abs(gaps[-1])
    assert span(gaps) == pytest.approx((-0.003, 0.010), abs=0.001)


@pytest.mark.claim("obs-four-bits-merge")
@pytest.mark.parametrize(("lr", "shortest", "longest", "gained", "lost"), [
    (0.032, 0.37, 1.09, 0.20, 0.002), (0.0005, 0.005, 0.045, 0.043, 0.030)])
def test_merging_a_trained_update_into_four_bits(lr, shortest, longest, gained, lost):
    test = part("bible", "test")
    base = loss_on(coarse(load_base()), test)
    model = adapted(coarse(load_base()), lr=lr)
    unmerged = loss_on(model, test)
    sizes = [np.linalg.norm(pair.delta().detach()) / np.linalg.norm(layer.base_layer.weight)
             for layer in lora_layers(model).values() for pair in layer.adapters.values()]
    assert span(sizes) == pytest.approx((shortest, longest), rel=0.05)
    merge_and_unload(model)
    assert loss_on(model, test) == pytest.approx(unmerged, abs=1e-4)
    assert base - unmerged == pytest.approx(gained, rel=0.03)
    assert loss_on(coarse(model), test) - unmerged == pytest.approx(lost, abs=0.001)


@pytest.mark.claim("obs-four-bits-merge")
def test_what_arrives_of_an_update():
    """Of rank 8, in a normal weight, from 0.01 to 1 times as long."""
    rng = np.random.default_rng(0)
    base = nf4.in_four_bits(rng.normal(0, 0.02, (512, 512))).astype(float)
    delta = rng.normal(size=(512, 8)) @ rng.normal(size=(8, 512))
    delta *= np.linalg.norm(base) / np.linalg.norm(delta)
    arrives = []
    errors = []
    for size in (0.01, 0.03, 0.06, 0.1, 0.3, 1):
        moved = nf4.in_four_bits(base + size * delta) - base
        arrives.append(np.vdot(moved, delta) / size / np.vdot(delta, delta))
        errors.append(apart(moved, size * delta))
    assert arrives == pytest.approx([0.01, 0.05, 0.47, 0.83, 0.99, 0.996], abs=0.006)
    assert errors == pytest.approx([1.08, 1.07, 0.97, 0.77, 0.32, 0.13], abs=0.006)


@pytest.mark.claim("obs-four-bits-starts")
def test_what_a_start_leaves():
    for name in ("blocks.0.attention.q", "blocks.2.attention.v", "blocks.3.down"):
        W = load_base().get_submodule(name).weight.detach().numpy().astype(float)
        alone = apart(nf4.in_four_bits(W), W)
        top = of_rank(W, 8)
        low = 0
        pissa = apart(nf4.in_four_bits(W - top) + top, W)
        for _ in range(5):
            rounded = nf4.in_four_bits(W - low)
            low = of_rank(W - rounded, 8)
        assert 0.4 < pissa / alone < 0.78
        assert 0.73 < apart(rounded + low, W) / alone < 0.81


# --- many adapters, another rank

FOLDERS = DATA / "adapters"


@pytest.mark.claim("obs-many-adapters")
def test_the_strength_it_was_trained_with_is_best():
    model = PeftModel.from_pretrained(load_base(), FOLDERS / "bible-r8").eval()
    losses = {}
    for strength in (0, 0.5, 1, 1.5, 2):
        with rescale_adapter_scale(model, strength):
            losses[strength] = loss_on(model, part("bible", "test"))
    assert min(losses, key=losses.get) == 1


@pytest.mark.claim("thm-change-rank")
@pytest.mark.parametrize(("d", "k", "r"), [(30, 40, 6), (9, 5, 5)])
def test_the_best_lower_rank(d, k, r):
    [source] = [cell.source for cell in notebook(PAGE).cells if "def shrunk(" in cell.source]
    begin = source.index("def shrunk(")
    names = {"np": np}
    exec(source[begin:source.index("\n\n", begin)], names)  # the page's own function
    rng = np.random.default_rng(0)
    shrunk = names["shrunk"]
    A = rng.normal(size=(r, k))
    B = rng.normal(size=(d, r))
    for small in range(1, r):
        A1, B1 = shrunk(A, B, small)
        assert A1.shape == (small, k) and B1.shape == (d, small)
        np.testing.assert_allclose(B1 @ A1, of_rank(B @ A, small), atol=1e-10)


@pytest.mark.claim("thm-change-rank")
@pytest.mark.parametrize("side", ["A", "B"])
def test_a_larger_rank_is_the_same_and_can_train(side):
    rng = np.random.default_rng(0)
    A = rng.normal(size=(2, 7))
    B = rng.normal(size=(5, 2))
    G = rng.normal(size=(5, 7))
    task = SimpleNamespace(W0=0 * G, loss_and_gradient=lambda W: (np.vdot(G, W), G))

    def after(new_A, new_B, steps):
        adapter = Adapter(np.vstack([A, new_A]), np.hstack([B, new_B]), 0.5)
        return train(task, adapter, Adam(0.01), steps).adapter

    rows = rng.normal(size=(3, 7))
    columns = rng.normal(size=(5, 3))
    new = (0 * rows, columns) if side == "A" else (rows, 0 * columns)
    np.testing.assert_array_equal(after(*new, 0).delta(), 0.5 * B @ A)
    moved = after(*new, 3)
    assert moved.A[2:].any(axis=1).all() and moved.B[:, 2:].any(axis=0).all()
    dead = after(0 * rows, 0 * columns, 20)
    assert not dead.A[2:].any() and not dead.B[:, 2:].any()


@pytest.mark.claim("obs-cut")
def test_cut_beside_trained():
    test = part("bible", "test")
    for r, worse in ((8, 0.007), (4, 0.035), (1, 0.078)):
        model = load_base()
        load_adapter(model, FOLDERS / "bible-r16")
        merge_and_unload(model)
        for name, layer in model.named_modules():
            if name.endswith((".q", ".v")):
                W0 = load_base().get_submodule(name).weight.detach()
                delta = layer.weight.detach() - W0
                layer.weight.data = W0 + torch.from_numpy(of_rank(delta.numpy(), r))
        trained = results.row("bible", f"q, v, r = {r}")["test"][0]
        cut = loss_on(model, test)
        assert cut - trained == pytest.approx(worse, abs=0.0015)
        assert cut < loss_on(load_base(), test) == pytest.approx(1.698, abs=0.0005)
