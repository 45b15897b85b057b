"""What *Your settings* says of a tool, by the tool itself: its defaults, and the settings that the
page prints to be pasted there. make tools installs them. kohya's scripts, diffusers', OneTrainer
and llama.cpp are no packages, and Tinker trains elsewhere, so these were read once."""

import ast
import importlib.util
import inspect
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from torch import nn

from lora_edu.formats.convention import A_STARTS, TOOLS, convention

INPUTS = 512
OUTPUTS = 64
pytestmark = [pytest.mark.thorough, pytest.mark.filterwarnings("default")]  # the tools' own


def installed(package, file):
    """A file of a package that is there without what it needs to be imported."""
    spec = importlib.util.find_spec(package)
    if spec is None:
        pytest.skip(f"{package} is not installed")
    return Path(spec.submodule_search_locations[0], file).read_text("utf-8")


def scale_of(adapted, plain, A, B):
    """s of a layer of torch's, from its outputs: with a B of ones each is s times the sum of A."""
    x = torch.ones(1, INPUTS)
    before = plain(x)
    nn.init.ones_(B)
    return ((adapted(x) - before).mean() / A.sum()).item()


def by_peft(r=None, lora_alpha=None, use_rslora=False):
    from peft import LoraConfig, get_peft_model

    settings = {"r": r, "lora_alpha": lora_alpha, "use_rslora": use_rslora}
    settings = {name: value for name, value in settings.items() if value is not None}
    model = nn.Sequential(nn.Linear(INPUTS, OUTPUTS))
    layer = get_peft_model(model, LoraConfig(target_modules=["0"], **settings)).base_model.model[0]
    A = layer.lora_A["default"].weight
    spread = float(A.detach().std())
    scale = scale_of(layer, layer.base_layer, A, layer.lora_B["default"].weight)
    return len(A), scale, spread


def by_loralib(r, lora_alpha=None):
    loralib = pytest.importorskip("loralib")
    alpha = {} if lora_alpha is None else {"lora_alpha": lora_alpha}
    layer = loralib.Linear(INPUTS, OUTPUTS, r=r, **alpha)
    plain = nn.Linear(INPUTS, OUTPUTS)
    plain.load_state_dict(layer.state_dict(), strict=False)
    spread = float(layer.lora_A.detach().std())
    return len(layer.lora_A), scale_of(layer, plain, layer.lora_A, layer.lora_B), spread


def by_torchtune(**settings):
    pytest.importorskip("torchtune")
    from torchtune.models.llama3 import lora_llama3_8b
    from torchtune.modules.peft import LoRALinear

    builder = inspect.signature(lora_llama3_8b).bind(["q_proj"], **settings)
    builder.apply_defaults()
    layer = LoRALinear(INPUTS, OUTPUTS, rank=builder.arguments["lora_rank"],
                       alpha=builder.arguments["lora_alpha"])
    layer.initialize_parameters()
    A = layer.lora_a.weight
    spread = float(A.detach().std())
    plain = nn.Linear(INPUTS, OUTPUTS, bias=False)
    plain.weight = layer.weight
    return len(A), scale_of(layer, plain, A, layer.lora_b.weight), spread


def by_keras(monkeypatch, rank, lora_alpha=None):
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    keras = pytest.importorskip("keras")
    layer = keras.layers.Dense(OUTPUTS, kernel_initializer="zeros")
    layer.build((None, INPUTS))
    layer.enable_lora(rank, lora_alpha=lora_alpha)
    A = keras.ops.convert_to_numpy(layer.lora_kernel_a)
    layer.lora_kernel_b.assign(np.ones((rank, OUTPUTS)))
    update = keras.ops.convert_to_numpy(layer(np.ones((1, INPUTS))))
    return A.shape[1], float(update.mean() / A.sum()), float(A.std())


def by_llamafactory(monkeypatch, **settings):
    pytest.importorskip("llamafactory")
    monkeypatch.setenv("DISABLE_VERSION_CHECK", "1")  # of what it needs to train
    from llamafactory.hparams.finetuning_args import FinetuningArguments

    arguments = FinetuningArguments(**settings)
    return by_peft(arguments.lora_rank, arguments.lora_alpha, arguments.use_rslora)


def by_unsloth(**settings):
    """Its models need its patches and a card, so its defaults are read, and go to PEFT."""
    tree = ast.parse(installed("unsloth", "models/llama.py"))
    [function] = [node for node in ast.walk(tree)
                  if isinstance(node, ast.FunctionDef) and node.name == "get_peft_model"]
    names = [argument.arg for argument in function.args.args]
    defaults = dict(zip(names[::-1], function.args.defaults[::-1], strict=False))
    said_nothing = {name: ast.literal_eval(defaults[name])
                    for name in ("r", "lora_alpha", "use_rslora")}
    return by_peft(**said_nothing | settings)


def by_verl(lora_rank, lora_alpha=None):
    """It needs a cluster's library, so its settings are read, and go to PEFT."""
    defaults = yaml.safe_load(installed("verl", "trainer/config/model/hf_model.yaml"))
    return by_peft(lora_rank, lora_alpha or defaults["lora_alpha"])


def mlx_run(monkeypatch, folder, settings):
    """What mlx_lm.lora would train, and with which optimiser, from a file of settings."""
    mlx = pytest.importorskip("mlx.nn")
    lora = pytest.importorskip("mlx_lm.lora")

    class Block(mlx.Module):
        def __init__(self):
            super().__init__()
            self.q_proj = mlx.Linear(INPUTS, OUTPUTS, bias=False)

    model = mlx.Module()
    model.layers = [Block()]
    calls = {}
    file = folder / "lora.yaml"
    file.write_text(yaml.safe_dump({"num_layers": 1, "adapter_path": str(folder), **settings}))
    monkeypatch.setattr(sys, "argv", ["mlx_lm.lora", "--config", str(file)])
    monkeypatch.setattr(lora, "run", lambda args: lora.train_model(args, model, [], []))
    monkeypatch.setattr(lora, "train", lambda **arguments: calls.update(arguments))
    lora.main()
    return model.layers[0].q_proj, calls["optimizer"]


def by_mlx(monkeypatch, folder, **settings):
    layer, _ = mlx_run(monkeypatch, folder, settings)
    import mlx.core as mx

    A = np.array(layer.lora_a)
    layer.lora_b = mx.ones(layer.lora_b.shape)
    x = mx.ones((1, INPUTS))
    update = np.array(layer(x) - layer.linear(x))
    return A.shape[1], float(update.mean() / A.sum()), float(A.std())


READERS = {
    "PEFT": by_peft, "MLX": by_mlx, "torchtune": by_torchtune, "LlamaFactory": by_llamafactory,
    "Keras": by_keras, "loralib": by_loralib, "Unsloth": by_unsloth, "verl": by_verl}


@pytest.fixture
def read(monkeypatch, tmp_path):
    """A function of a tool and its settings, which gives r, s and the spread of A."""
    def read(tool, settings):
        reader = READERS[tool]
        offered = {"monkeypatch": monkeypatch, "folder": tmp_path}
        wanted = inspect.signature(reader).parameters
        fixtures = {name: value for name, value in offered.items() if name in wanted}
        torch.manual_seed(0)
        return reader(**fixtures, **settings)
    return read


def printed(line):
    """A printed line as the settings that a user pastes: YAML, or arguments of Python."""
    line, _, _ = line.partition(";")
    if ": " in line:
        return yaml.safe_load("{" + line + "}")
    pairs = [pair.split("=") for pair in line.replace(",", " ").split()]
    return {name: ast.literal_eval(value) for name, value in pairs}


def assert_reads(reading, expected, start):
    r, scale, spread = reading
    assert r == expected.r
    assert scale == pytest.approx(expected.scale, rel=1e-3)
    assert spread == pytest.approx(A_STARTS[start](r, INPUTS), rel=0.05)


@pytest.mark.parametrize("tool", READERS)
def test_when_nothing_is_said(read, tool):
    row = TOOLS[tool]
    rank = {} if row.r else {row.writes.partition("=")[0]: 16}
    assert_reads(read(tool, rank), convention(tool, row.r or 16), row.start)


@pytest.mark.parametrize("rslora", [False, True])
@pytest.mark.parametrize("tool", READERS)
def test_the_line_that_is_printed(read, tool, rslora):
    source = "Unsloth" if tool == "PEFT" else "PEFT"
    run = convention(source, 4, 12, rslora=rslora)
    assert_reads(read(tool, printed(run.elsewhere[tool])), run, TOOLS[tool].start)


@pytest.mark.parametrize("optimiser", ["Adam", "AdamW", "SGD", "Momentum"])
def test_mlx_has_the_optimiser_that_is_printed(monkeypatch, tmp_path, optimiser):
    """Its class, and its first step of an entry in η."""
    line = convention("PEFT", 4, optimiser=optimiser).elsewhere["MLX"]
    _, chosen = mlx_run(monkeypatch, tmp_path, printed(line))
    assert type(chosen).__name__ == {"Momentum": "SGD"}.get(optimiser, optimiser)
    assert first_step(chosen) == pytest.approx(1, rel=1e-3)


def first_step(optimiser):
    """Of an entry whose gradient is one, in η."""
    import mlx.core as mx

    before = {"p": mx.zeros(1)}
    after = optimiser.apply_gradients({"p": mx.ones(1)}, before)
    return float(-after["p"][0] / optimiser.learning_rate)


def test_a_file_without_alpha_in_diffusers():
    """Its loader takes each module's own rank for α."""
    from diffusers.utils.peft_utils import get_peft_kwargs

    ranks = {"a.lora_B.weight": 4, "b.lora_B.weight": 8}
    tensors = {name.replace("_B", side): torch.zeros(shape) for name, r in ranks.items()
               for side, shape in (("_A", (r, 3)), ("_B", (3, r)))}
    settings = get_peft_kwargs(ranks, None, tensors)
    for module, r in (("a", 4), ("b", 8)):
        assert settings["rank_pattern"].get(module, settings["r"]) == r
        assert settings["alpha_pattern"].get(module, settings["lora_alpha"]) == r


def test_tinkers_rank():
    [line] = [line for line in installed("tinker_cookbook", "supervised/train.py").splitlines()
              if line.strip().startswith("lora_rank: int")]
    assert int(line.partition("=")[2]) == TOOLS["Tinker"].r


def test_what_trls_scripts_take():
    """As the answer on PEFT, Unsloth, TRL or Axolotl says."""
    settings = pytest.importorskip("trl").ModelConfig()
    assert (settings.lora_r, settings.lora_alpha) == (16, 32)
