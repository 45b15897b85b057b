"""python -m lora_edu.nn.convert: a LoRA file in the layout of another tool, at the command line."""

import argparse
from collections import Counter
from pathlib import Path

from lora_edu.nn.files import read_tensors
from lora_edu.nn.layouts import LAYOUTS, convert


def main() -> None:
    """Convert, and say how many modules of which rank and α there are."""
    parser = argparse.ArgumentParser(prog="python -m lora_edu.nn.convert", description=__doc__)
    parser.add_argument("source", help="a folder of PEFT, MLX, diffusers, or a .safetensors file")
    parser.add_argument("--to", required=True, choices=LAYOUTS)
    parser.add_argument("--out", required=True, help="the folder to write")
    parser.add_argument("--alpha", help="where the file has none: a number, or r")
    parser.add_argument("--names", help="the base model's .safetensors, or a text file with the "
                        "names of its modules, one a line; needed to leave kohya's layout")
    parser.add_argument("--prefix", help="what names begin with, such as lora_unet, unet")
    parser.add_argument("--only", help="of a file for several models, this one")
    given = vars(parser.parse_args())
    if given["alpha"] not in (None, "r"):
        given["alpha"] = float(given["alpha"])
    if given["names"]:
        file = Path(given["names"])
        given["names"] = ([key.rpartition(".")[0] for key in read_tensors(file)[0]]
                          if file.suffix == ".safetensors" else file.read_text("utf-8").split())
    try:
        written = convert(given.pop("source"), **given)
    except (TypeError, ValueError, OSError) as error:
        parser.error(str(error))
    for (r, alpha), count in Counter(written.values()).items():
        print(f"{count} modules with r = {r}, α = {alpha:g}, s = {alpha / r:g}")


if __name__ == "__main__":
    main()
