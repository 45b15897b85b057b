"""LoRA files of known content.

By hand, as each tool writes them: two modules of a Net, of ranks 4 and 2. And what PEFT holds,
converted, in any precision.
"""

import json

import torch
from peft import LoraConfig, get_peft_model
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from lora_edu.nn.convert import convert

ENDS = {"peft": (".lora_A.weight", ".lora_B.weight"), "mlx": (".lora_a", ".lora_b"),
        "kohya": (".lora_down.weight", ".lora_up.weight"),
        "diffusers": (".lora_A.weight", ".lora_B.weight"), "loralib": (".lora_A", ".lora_B")}
BEGIN = {"peft": "base_model.model.", "mlx": "", "kohya": "lora_unet_", "diffusers": "unet.",
         "loralib": ""}
FILE = {"peft": "adapter_model.safetensors", "mlx": "adapters.safetensors"}
SETTINGS = {"peft_type": "LORA", "r": 4, "lora_alpha": 8, "rank_pattern": {"v": 2},
            "target_modules": ["blocks.0.q", "blocks.1.v"]}


def matrices(dtypes=(torch.float32, torch.float32)):
    """{module: (A, B)}, the same each time."""
    generator = torch.Generator().manual_seed(0)

    def draw(*shape):
        return torch.randn(shape, generator=generator)

    drawn = {"blocks.0.q": (draw(4, 8), draw(9, 4)), "blocks.1.v": (draw(2, 9), draw(8, 2))}
    return {name: tuple(matrix.to(dtype) for matrix, dtype in zip(pair, dtypes, strict=True))
            for name, pair in drawn.items()}


def updates(scales, **dtypes):
    """{module: s·B·A}, by the formula."""
    return {name: scale * torch.einsum("dr,rk->dk", B.float(), A.float())
            for scale, (name, (A, B)) in zip(scales, matrices(**dtypes).items(), strict=True)}


def a_and_b(name="lora_unet_a", A=(1, 2), B=(2, 1)):
    """The tensors of one module of kohya's, of these shapes."""
    return {f"{name}.lora_down.weight": torch.ones(A), f"{name}.lora_up.weight": torch.ones(B)}


def write(folder, layout="kohya", *, alphas=(), begin=None, settings=None, more=None, **dtypes):
    """A file, and where it has settings these; returns what is to be converted.

    settings: PEFT's that differ from SETTINGS, MLX's, or a text. more: tensors by key, None for one
    that is left out.
    """
    begin = BEGIN[layout] if begin is None else begin
    tensors = {}
    for number, (name, pair) in enumerate(matrices(**dtypes).items()):
        key = begin + (name.replace(".", "_") if layout == "kohya" else name)
        for end, matrix in zip(ENDS[layout], pair, strict=True):
            tensors[key + end] = (matrix.T if layout == "mlx" else matrix).contiguous()
        if number < len(alphas):
            tensors[f"{key}.alpha"] = torch.as_tensor(alphas[number])
    tensors = {key: tensor for key, tensor in (tensors | (more or {})).items()
               if tensor is not None}
    if isinstance(settings, dict) and layout != "mlx":
        settings = SETTINGS | settings
    metadata = None
    if settings is not None and layout == "diffusers":
        if isinstance(settings, dict):
            settings = json.dumps({begin + key: value for key, value in settings.items()})
        metadata = {"lora_adapter_metadata": settings}
    elif settings is not None:
        text = settings if isinstance(settings, str) else json.dumps(settings)
        (folder / "adapter_config.json").write_text(text)
    source = folder / FILE.get(layout, "in.safetensors")
    save_file(tensors, source, metadata)
    return folder if layout in FILE else source


# By PEFT, and from its layout into another

PREFIX = {"kohya": "lora_unet", "diffusers": "transformer"}
FOLDERS = ("peft", "mlx")  # which have settings beside the weights
SIDES = {"q": (20, 24), "k": (12, 24), "up": (40, 20)}
DTYPES = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16,
          "BF16": torch.bfloat16, "F8_E4M3": torch.float8_e4m3fn, "F8_E5M2": torch.float8_e5m2}


class Block(nn.Module):
    """Three linear layers of different sides."""

    def __init__(self):
        super().__init__()
        for name, (d, k) in SIDES.items():
            setattr(self, name, nn.Linear(k, d, bias=False))


class Tiny(nn.Module):
    """Blocks, under the name that layers have in transformers."""

    def __init__(self, blocks=3):
        super().__init__()
        self.layers = nn.ModuleList(Block() for _ in range(blocks))


def in_peft(dtype="F32", decay=0.5, **settings):
    """A Tiny in PEFT and in float64, whose A is as at its start and whose B has learned.

    The numbers are those that dtype has. decay: how much of B the next component has.
    """
    torch.manual_seed(0)
    config = {"r": 4, "lora_alpha": 4, "target_modules": list(SIDES)} | settings
    model = get_peft_model(Tiny(), LoraConfig(**config)).double()
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            sizes = decay ** torch.arange(parameter.shape[1], dtype=torch.float64).sqrt()
            parameter.data = 0.02 * torch.randn_like(parameter) * sizes
        if "lora_" in name and "magnitude" not in name:
            parameter.data = parameter.data.to(DTYPES[dtype]).double()
    return model


def pefts_updates(model):
    """{module's name: ΔW} by PEFT."""
    return {name.removeprefix("base_model.model."): layer.get_delta_weight("default").numpy(
                force=True) for name, layer in model.named_modules() if hasattr(layer, "lora_A")}


def write_peft(folder, model, layout="peft", dtype="F32", *, change=None, metadata=None,
               settings=None):
    """A file of PEFT's model in a layout; what is to be examined.

    change: a function of the tensors by key. settings: what changes in the settings; None in it
    takes one away.
    """
    model.save_pretrained(folder)
    if layout != "peft":
        convert(folder, layout, folder / layout, prefix=PREFIX.get(layout))
        folder = folder / layout
    [file] = folder.glob("*.safetensors")
    tensors = {key: value if key.endswith(".alpha") else value.to(DTYPES[dtype])
               for key, value in load_file(file).items()}
    if change is not None:
        tensors = change(tensors)
    if metadata is None:
        with safe_open(file, "pt") as opened:
            metadata = opened.metadata()
    save_file(tensors, file, metadata)
    config_file = folder / "adapter_config.json"
    if settings is not None:
        values = json.loads(config_file.read_text()) | settings
        config_file.write_text(json.dumps({key: value for key, value in values.items()
                                           if value is not None}))
    return folder if layout in FOLDERS else file


def base_file(folder, dtype="F32", blocks=3, change=None):
    """The weights of a Tiny; change: those that are others, by key."""
    generator = torch.Generator().manual_seed(1)
    weights = {name: (0.05 * torch.randn(weight.shape, generator=generator)).to(DTYPES[dtype])
               for name, weight in Tiny(blocks).state_dict().items()}
    save_file(weights | (change or {}), folder / "base.safetensors")
    return folder / "base.safetensors"
