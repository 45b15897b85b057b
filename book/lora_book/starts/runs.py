"""What PEFT's starting points do to one layer, found by running PEFT.

The layer and its task are those of the board of Step zero, in float32, as PiSSA and others ask for.
torch and PEFT are imported where a board is computed.
"""

import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

import numpy as np

from lora_book.shared.norm_board import LEARNING_RATE
from lora_book.shared.tasks import task_64
from lora_edu import Regression

PEFT_STARTS = ("True", "gaussian", "eva", "orthogonal", "False", "pissa", "olora")  # the board's
MORE_STARTS = ("pissa_niter_4", "lora_ga", "corda", "mica")  # left out of the board
RANKS = (1, 2, 4, 8, 16, 32, 64)
ALPHAS = (1, 4, 8, 16, 64)
ROUNDING = 1e-5  # what is smaller, on this task, is float32's rounding of numbers about 1


@dataclass(frozen=True)
class Board:
    """Norms at step zero and after one step of Adam, two numbers each; ∇B is NaN where B is frozen.

    update: ‖s·BA‖. base: ‖base − W0‖, by how much PEFT changed the frozen weight. model:
    ‖base + s·BA − W0‖, by how much the layer differs from the one it was made from.
    """

    A: np.ndarray
    B: np.ndarray
    grad_A: np.ndarray
    grad_B: np.ndarray
    update: np.ndarray
    base: np.ndarray
    model: np.ndarray
    loss: np.ndarray


@cache
def board(start: str, r: int, alpha: float, seed: int = 0, dtype: str = "float32") -> Board:
    """The Board of ``init_lora_weights=start``; "True" and "False" stand for the booleans.

    dtype: of the base, "float32" or "bfloat16"; PEFT keeps A and B in float32. Restores torch's
    random state and number of threads.
    """
    import torch

    with torch.random.fork_rng(), one_thread(), quiet_peft():
        torch.manual_seed(seed)
        model, loss_of, X = as_model(task_64(), getattr(torch, dtype))
        W0 = model[0].weight.detach().double().clone()
        model = adapt(model, start, r, alpha, X, loss_of)
        layer = model.base_model.model[0]
        A = layer.lora_A["default"].weight
        B = layer.lora_B["default"].weight
        optimiser = torch.optim.Adam([p for p in (A, B) if p.requires_grad], LEARNING_RATE["Adam"])
        rows = []
        for _ in range(2):
            optimiser.zero_grad()
            loss = loss_of(model)
            loss.backward()
            update = layer.scaling["default"] * (B.detach().double() @ A.detach().double())
            moved = layer.base_layer.weight.detach().double() - W0
            rows.append([_norm(A), _norm(B), _norm(A.grad), _norm(B.grad), _norm(update),
                         _norm(moved), _norm(moved + update), loss.item()])
            optimiser.step()
    return Board(*np.array(rows).T)  # the rows are in the order of its fields


def _norm(matrix) -> float:
    """A tensor's norm; NaN for None, the gradient of what is frozen."""
    return np.nan if matrix is None else matrix.norm().item()


@contextmanager
def one_thread():
    """Run torch on one thread: faster for small matrices, and the same bits everywhere."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@contextmanager
def quiet_peft():
    """Silence two expected warnings.

    EVA recommends low_cpu_mem_usage, for models that fill the memory. LoRA-GA reads gradients with
    a hook, and torch warns that the layer's inputs need none.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="lora with eva initialization")
        warnings.filterwarnings("ignore", message="Full backward hook is firing")
        yield


def config_for(model, start: str | bool, r: int, alpha: float, X, loss_of, names=("0",)):
    """The LoraConfig of a start for the layers ``names`` of ``model``.

    LoRA-GA first computes the gradient of ``loss_of(model)``, CorDA the statistics of the inputs X.
    """
    from peft import LoraConfig

    config = LoraConfig(r=r, lora_alpha=alpha, target_modules=list(names),
                        init_lora_weights={"True": True, "False": False}.get(start, start),
                        **_extra(start))
    if start == "lora_ga":
        from peft.tuners.lora.loraga import preprocess_loraga
        preprocess_loraga(model, config, lambda: loss_of(model).backward())
    if start == "corda":
        from peft.tuners.lora.corda import preprocess_corda
        preprocess_corda(model, config, run_model=lambda: model(X))
    return config


def adapt(model, start: str | bool, r: int, alpha: float, X, loss_of, names=("0",)):
    """PEFT's model with this start in the layers ``names``; EVA and CorDA look at the inputs X."""
    from peft import get_peft_model, initialize_lora_eva_weights

    model = get_peft_model(model, config_for(model, start, r, alpha, X, loss_of, names))
    if start == "eva":
        initialize_lora_eva_weights(
            model, [X, X], forward_fn=lambda model, batch: model(batch),
            prepare_model_inputs_fn=None, prepare_layer_inputs_fn=None, show_progress_bar=False)
    return model


def as_model(regression: Regression, dtype):
    """(A model of one linear layer at W0, the regression's loss as a function of a model, X)."""
    import torch

    X = torch.tensor(regression.X, dtype=dtype)
    W0 = torch.tensor(regression.W0, dtype=dtype)
    target = torch.tensor(regression.X @ regression.W_star.T, dtype=torch.float32)
    model = torch.nn.Sequential(torch.nn.Linear(*W0.T.shape, bias=False, dtype=dtype))
    with torch.no_grad():
        model[0].weight.copy_(W0)
    return model, lambda model: ((model(X).float() - target) ** 2).sum() / (2 * len(X)), X


def _extra(start: str | bool) -> dict:
    """The sub-configuration of some starts. EVA: every layer keeps its rank."""
    from peft import EvaConfig, LoraGAConfig
    from peft.tuners.lora.config import CordaConfig

    return {"eva": {"eva_config": EvaConfig(rho=1.0)},
            "lora_ga": {"lora_ga_config": LoraGAConfig()},
            "corda": {"corda_config": CordaConfig()}}.get(start, {})
