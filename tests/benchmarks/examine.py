"""How long an adapter of a 7B model takes, and how much memory: python -m tests.benchmarks.examine

224 modules (32 layers of Llama's seven), r = 16, bfloat16: 80 MB. Printed are the seconds, those of
the processor, and by how many times the file's size the process grew, with the mapped file itself.
"""

import json
import struct
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter, process_time

import numpy as np

from lora_edu.examine import examine

SIDES = {"self_attn.q_proj": (4096, 4096), "self_attn.k_proj": (4096, 4096),
         "self_attn.v_proj": (4096, 4096), "self_attn.o_proj": (4096, 4096),
         "mlp.gate_proj": (11008, 4096), "mlp.up_proj": (11008, 4096),
         "mlp.down_proj": (4096, 11008)}
SETTINGS = {"peft_type": "LORA", "r": 16, "lora_alpha": 32, "target_modules": [
    name.rpartition(".")[2] for name in SIDES]}


def write(folder, r=16, layers=32):
    """An adapter of random numbers in PEFT's layout."""
    rng = np.random.default_rng(0)
    header = {}
    end = 0
    with open(folder / "numbers", "wb") as numbers:
        for layer in range(layers):
            for name, (d, k) in SIDES.items():
                for letter, shape in (("A", (r, k)), ("B", (d, r))):
                    values = rng.normal(0, 0.01, shape).astype(np.float32)
                    start = end
                    end += numbers.write((values.view(np.uint32) >> 16).astype(np.uint16).tobytes())
                    key = f"base_model.model.model.layers.{layer}.{name}.lora_{letter}.weight"
                    header[key] = {"dtype": "BF16", "shape": shape, "data_offsets": (start, end)}
    text = json.dumps(header).encode()
    file = folder / "adapter_model.safetensors"
    file.write_bytes(struct.pack("<Q", len(text)) + text + (folder / "numbers").read_bytes())
    (folder / "adapter_config.json").write_text(json.dumps(SETTINGS))


def peak():
    """The largest memory of this process so far, in bytes (Linux)."""
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines()
              if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024


def measure(folder):
    """Examine, and print what it took."""
    size = (folder / "adapter_model.safetensors").stat().st_size
    before = peak()
    start = perf_counter(), process_time()
    examination = examine(folder)
    seconds = perf_counter() - start[0]
    busy = process_time() - start[1]
    print(f"{len(examination.rows)} modules, {size / 1e6:.0f} MB: {seconds:.2f} s, "
          f"the processor {busy:.2f} s, memory grew by {(peak() - before) / size:.2f} files")


def main():
    """Write in one process and measure in another, for writing needs memory, too."""
    if len(sys.argv) > 1:
        measure(Path(sys.argv[1]))
        return
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder))
        subprocess.run([sys.executable, "-m", "tests.benchmarks.examine", folder], check=True)


if __name__ == "__main__":
    main()
