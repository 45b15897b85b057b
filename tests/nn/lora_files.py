"""LoRA files as the tools write them, by hand: two modules of a Net, of ranks 4 and 2."""

import json

import torch
from safetensors.torch import save_file

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
