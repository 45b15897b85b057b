"""python -m lora_edu.nn.convert: a LoRA file in the layout of another tool, at the command line."""

import argparse
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

from lora_edu.console import show
from lora_edu.formats.layouts import LAYOUTS
from lora_edu.nn.convert import convert


def main() -> None:
    """Convert, and say how many modules of which rank and α there are."""
    parser = argument_parser()
    arguments = parser.parse_args()
    try:
        written = convert(**vars(arguments))
    except (TypeError, ValueError, OSError, SafetensorError) as error:
        parser.exit(2, f"{parser.prog}: {error}{option_of(error, arguments)}\n")
    modules = defaultdict(list)
    for name, settings in written.items():
        modules[settings].append(name)
    for (r, alpha), names in modules.items():
        show(f"r = {r}, alpha = {alpha:g}, s = {alpha / r:g}: {len(names)} ({names[0]}, ...)")
    show(f"written to {arguments.out}" if arguments.out else "nothing is written without --out")


def option_of(error: Exception, arguments: argparse.Namespace) -> str:
    """The option for the argument of convert that a message begins with."""
    name = str(error).partition(" must ")[0]
    if name == "source" or name not in vars(arguments):
        return ""
    return f" (the option is --{name.replace('_', '-')})"


def argument_parser() -> argparse.ArgumentParser:
    """What can be said at the command line: the arguments of convert."""
    parser = argparse.ArgumentParser(prog="python -m lora_edu.nn.convert", description=__doc__)
    option = parser.add_argument
    option("source", help="a folder of PEFT, MLX, diffusers, or a .safetensors file")
    option("--to", required=True, choices=LAYOUTS)
    option("--out", help="the folder to write; without it, only print what would be written")
    option("--overwrite", action="store_true", help="replace files that already exist in the "
                                                    "folder")
    option("--alpha", type=alpha_in,
           help="for modules without one: a number, or r for the rank of each; file for the keys "
                "in a file of diffusers")
    option("--names", type=names_in, metavar="FILE",
           help="needed to leave kohya's layout: the base model's .safetensors, or a text file "
                "with the names of its modules, one a line")
    option("--prefix", help="needed to write kohya's or diffusers' layout: the prefix of names "
                            "there, such as lora_unet or unet")
    option("--lora-only", action="store_true",
           help="skip what is not LoRA in the file, such as a head trained in full")
    option("--only", help="for a file with several models: the prefix of the one to convert; '' "
                          "if names have none")
    return parser


def alpha_in(text: str) -> float | str:
    """A number, or a word of convert's."""
    if text in ("r", "file"):
        return text
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a number, r or file, got {text!r}") from None


def names_in(text: str) -> list[str] | Mapping[str, torch.Tensor | None]:
    """The names in a text file, or the names and shapes in a .safetensors."""
    file = Path(text)
    try:
        if file.suffix != ".safetensors":
            return file.read_text(encoding="utf-8").split()
        with safe_open(file, "pt") as base:  # which may be larger than the memory
            keys = base.keys()
            return {key: without_numbers(base.get_slice(key)) for key in keys}
    except (OSError, ValueError, SafetensorError) as error:
        raise argparse.ArgumentTypeError(f"cannot read {text!r}: {error}") from None


def without_numbers(weight) -> torch.Tensor | None:
    """A tensor with the shape of a weight in a file; None where it is packed, in whole numbers."""
    if "F" not in weight.get_dtype():
        return None
    return torch.empty(weight.get_shape(), device="meta")


if __name__ == "__main__":
    main()
