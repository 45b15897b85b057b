"""python -m lora_edu.nn.convert: a LoRA file in the layout of another tool, at the command line."""

import argparse
from collections import Counter
from pathlib import Path

from lora_edu.nn.convert import LAYOUTS, convert
from lora_edu.nn.files import read_tensors

OPTIONS = {"alpha": "where the file has none: a number, or r for the rank of each module",
           "names": "needed to leave kohya's layout: the base model's .safetensors, or a text file "
                    "with the names of its modules, one a line",
           "prefix": "what names begin with in the layout of kohya (lora_unet) or diffusers (unet)",
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
            given["alpha"] = float(given["alpha"])
        if given["names"]:
            file = Path(given["names"])
            given["names"] = ([key.rpartition(".")[0] for key in read_tensors(file)[0]]
                              if file.suffix == ".safetensors" else file.read_text().split())
        written = convert(**given)
    except (TypeError, ValueError, OSError) as error:
        parser.error(str(error))
    for (r, alpha), count in Counter(written.values()).items():
        print(f"{count} modules with r = {r}, α = {alpha:g}, s = {alpha / r:g}")


if __name__ == "__main__":
    main()
