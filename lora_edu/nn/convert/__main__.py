"""python -m lora_edu.nn.convert: a LoRA file in the layout of another tool, at the command line."""

import argparse
from collections import Counter
from pathlib import Path

from safetensors import SafetensorError, safe_open

from lora_edu.nn.convert import LAYOUTS, convert

OPTIONS = {"alpha": "for modules without one: a number, or r for the rank of each",
           "names": "needed to leave kohya's layout: the base model's .safetensors, or a text file "
                    "with the names of its modules, one a line",
           "prefix": "needed to write kohya's or diffusers' layout: what names begin with there, "
                     "such as lora_unet or unet",
           "only": "of a file for several models this one, by its prefix"}


def main() -> None:
    """Convert, and say how many modules of which rank and α there are."""
    parser = argparse.ArgumentParser(prog="python -m lora_edu.nn.convert", description=__doc__)
    parser.add_argument("source", help="a folder of PEFT, MLX, diffusers, or a .safetensors file")
    parser.add_argument("--to", required=True, choices=LAYOUTS)
    parser.add_argument("--out", required=True, help="the folder to write")
    for name, text in OPTIONS.items():
        parser.add_argument(f"--{name}", help=text)
    given = vars(parser.parse_args())
    try:
        if given["alpha"] not in (None, "r"):
            given["alpha"] = float(given["alpha"])  # its error says what was given
        if given["names"]:
            file = Path(given["names"])
            if file.suffix == ".safetensors":
                with safe_open(file, "pt") as base:  # which may be larger than the memory
                    given["names"] = list(base.keys())
            else:
                given["names"] = file.read_text().split()
        written = convert(**given)
    except (TypeError, ValueError, OSError, SafetensorError) as error:
        parser.error(str(error))
    for (r, alpha), count in Counter(written.values()).items():
        first = next(name for name, settings in written.items() if settings == (r, alpha))
        print(f"r = {r}, α = {alpha:g}, s = {alpha / r:g}: {count} ({first}, …)")


if __name__ == "__main__":
    main()
