"""python -m lora_edu.examine: what is in a LoRA file, and what is wrong, at the command line.

The exit status is 0 where nothing is wrong but for notes, 1 where there is a warning or an error,
and 2 where the file cannot be read.
"""

import argparse
import json
import sys

from lora_edu.console import show
from lora_edu.examine import examine


def main() -> None:
    """Examine, print, and leave with the status."""
    parser = argparse.ArgumentParser(prog="python -m lora_edu.examine", description=__doc__)
    parser.add_argument("source", help="a folder of PEFT or MLX, or a .safetensors file")
    parser.add_argument("--config", help="adapter_config.json or its folder, if it is not in the "
                                         "file's folder")
    parser.add_argument("--alpha", type=float, help="α, if neither the file nor its settings give "
                                                    "it")
    parser.add_argument("--all", action="store_true",
                        help="also print each module, and the same scale in other tools")
    parser.add_argument("--base", help="the base's weights: a .safetensors, or a folder with some")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a report")
    arguments = parser.parse_args()
    try:
        examination = examine(arguments.source, arguments.config, alpha=arguments.alpha,
                              base=arguments.base)
    except (OSError, TypeError, ValueError) as error:
        parser.exit(2, f"{parser.prog}: {error}\n")
    if arguments.json:
        show(json.dumps(examination.as_dict(), indent=1))
    else:
        show(examination.report(whole=arguments.all))
    sys.exit(1 if examination.is_wrong else 0)


if __name__ == "__main__":
    main()
