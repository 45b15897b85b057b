"""The answers page: what its two cells are there to show."""

from contextlib import redirect_stdout
from io import StringIO

import numpy as np
import pytest

from lora_edu.nn import LoRALinear
from tests.book import code

torch = pytest.importorskip("torch")


@pytest.fixture(scope="module")
def page():
    """(names, output) of the page's cells."""
    names, output = {}, StringIO()
    with redirect_stdout(output):
        exec(code("book/part4/answers"), names)
    return names, output.getvalue()


def test_a_b_that_was_zero_gets_the_rank_of_the_batch(page):
    lines = [line for line in page[1].splitlines() if line.startswith("batch")]
    assert [int(line.split("rank ")[1].split()[0]) for line in lines] == [1, 2, 4, 8]


def test_too_long_a_step_is_nan_in_float16_and_large_elsewhere(page):
    """The answer to "With α above 1 I get NaN": the step is too long in every precision."""
    three_steps = page[0]["three_steps"]
    for dtype in (torch.float32, torch.bfloat16):
        largest, loss = three_steps(dtype, 64, 0.1)
        assert largest > 65_504 and 1e6 < loss < np.inf
    largest, loss = three_steps(torch.float16, 64, 0.1)
    assert largest == np.inf and np.isnan(loss)


@pytest.mark.parametrize(("alpha", "lr"), [(8, 0.1), (64, 0.1 / 8)])
def test_the_smaller_step_is_finite_in_float16(page, alpha, lr):
    largest, loss = page[0]["three_steps"](torch.float16, alpha, lr)
    assert largest < 1000 and loss < 2


def test_bfloat16_neither_lets_a_moment_fall_nor_an_entry_creep(page):
    lines = [line for line in page[1].splitlines() if ": v = " in line]
    assert [line.split(":")[0].strip() for line in lines] == ["bfloat16", "float32"]
    assert "v = 1.000, entry of A = 0.0100" in lines[0]
    assert f"v = {0.999**1000:.3f}, entry of A = 0.0200" in lines[1]


def test_after_a_warm_up_from_zero_b_moves_in_the_second_step_and_a_in_the_third():
    layer = LoRALinear(torch.nn.Linear(16, 8), r=4, alpha=8)
    trained = [p for p in layer.parameters() if p.requires_grad]  # A, B
    rule = torch.optim.AdamW(trained, lr=0.01, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.LambdaLR(rule, lambda step: step / 10)
    moved = []
    for _ in range(3):
        before = [p.detach().clone() for p in trained]
        rule.zero_grad()
        layer(torch.ones(4, 16)).square().sum().backward()
        rule.step()
        schedule.step()
        moved.append([not torch.equal(p, old) for p, old in zip(trained, before, strict=True)])
    assert moved == [[False, False], [False, True], [True, True]]


def test_the_rank_of_a_trained_adapter_upwards_and_downwards():
    rng = np.random.default_rng(0)
    A, B, alpha = rng.normal(size=(4, 30)), rng.normal(size=(20, 4)), 6.0
    delta = alpha / 4 * B @ A
    more_A, more_B = np.vstack([A, rng.normal(size=(3, 30))]), np.hstack([B, np.zeros((20, 3))])
    np.testing.assert_allclose(alpha * 7 / 4 / 7 * more_B @ more_A, delta, rtol=1e-12)
    gradient_of_B = rng.normal(size=(20, 30)) @ more_A.T
    assert np.abs(gradient_of_B[:, 4:]).min() > 0
    (Q_B, R_B), (Q_A, R_A) = np.linalg.qr(B), np.linalg.qr(A.T)
    U, sizes, Vt = np.linalg.svd(R_B @ R_A.T)
    less = alpha / 4 * (Q_B @ U[:, :2] * sizes[:2]) @ (Vt[:2] @ Q_A.T)
    values = np.linalg.svd(delta, compute_uv=False)
    assert np.linalg.matrix_rank(less) == 2
    np.testing.assert_allclose(np.linalg.norm(delta - less), np.linalg.norm(values[2:]))


def test_a_layer_with_a_rank_of_its_own_keeps_the_common_alpha_and_how_an_rslora_file_is_mended():
    peft = pytest.importorskip("peft")

    def scalings(**settings):
        model = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.Linear(64, 64))
        config = peft.LoraConfig(target_modules=["0", "1"], **settings)
        return [layer.scaling["default"] for layer in peft.get_peft_model(model, config).model]

    assert scalings(r=8, lora_alpha=16, rank_pattern={"1": 32}) == [2, 0.5]
    rslora = scalings(r=16, lora_alpha=8, use_rslora=True)
    assert rslora == scalings(r=16, lora_alpha=8 * 4) == [2, 2]
    assert scalings(r=16, lora_alpha=8) == [0.5, 0.5]  # what a server makes of it
