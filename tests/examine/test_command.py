"""The examination at the command line: what is printed, and the exit status."""

import copy
import json
import os
import re
import subprocess
import sys
from functools import partial

import peft
import pytest
import torch
import transformers

from tests.nn.console import run
from tests.nn.lora_files import base_file, in_peft, write_peft
from tests.nn.models import unet


def test_the_status_says_whether_something_is_wrong(tmp_path, monkeypatch, capsys):
    examine = partial(run, monkeypatch, "lora_edu.examine")
    (tmp_path / "of base").mkdir()
    base = base_file(tmp_path / "of base", "BF16")
    folder = write_peft(tmp_path, in_peft())
    status, text = examine(folder, "--base", base, "--all")
    assert status == 0 and "faults and found none." in text and "layers.0.q" in text
    status, text = examine(folder, "--json")
    assert status == 0 and len(json.loads(text)["rows"]) == 9
    write_peft(tmp_path, in_peft(r=64, lora_alpha=8))
    status, text = examine(folder)
    assert status == 0 and "note: s is 0.125" in text
    write_peft(tmp_path, in_peft(), settings={"r": 8})
    status, text = examine(folder)
    assert status == 1 and "error: the file's rank differs" in text
    assert "How do I load it? First fix the errors below." in text
    status, _ = examine(tmp_path / "absent.safetensors")
    assert status == 2 and "absent.safetensors" in capsys.readouterr().err


def calls_in(monkeypatch, folder):
    """What the report says of loading a folder, call by call."""
    _, text = run(monkeypatch, "lora_edu.examine", folder)
    [line] = [line for line in text.splitlines()[:20] if line.startswith("How do I load it?")]
    return line.removeprefix("How do I load it? ").split(", then ")


SMALL = {"vocab_size": 20, "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2,
         "intermediate_size": 8, "pad_token_id": 0}
OF_DISTILBERT = {"vocab_size": 20, "dim": 8, "n_layers": 1, "n_heads": 2, "hidden_dim": 8}
HEADED = [  # the task, transformers' class for it, the base, and what is asked of the class
    ("SEQ_CLS", "AutoModelForSequenceClassification",
     transformers.DistilBertConfig(**OF_DISTILBERT), {"num_labels": 6}),
    ("TOKEN_CLS", "AutoModelForTokenClassification",
     transformers.BertConfig(**SMALL), {"num_labels": 6}),
    ("CAUSAL_LM", "AutoModelForCausalLM", transformers.LlamaConfig(**SMALL), {})]


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated")
@pytest.mark.parametrize(("task", "kind", "config", "asked"), HEADED)
def test_the_calls_that_it_names_load_a_model_with_its_head(tmp_path, monkeypatch, task, kind,
                                                            config, asked):
    transformers.AutoModel.from_config(config).save_pretrained(tmp_path / "base")
    base = getattr(transformers, kind).from_pretrained(str(tmp_path / "base"), **asked)
    if task == "CAUSAL_LM":
        base.save_pretrained(tmp_path / "base")
    trained = peft.get_peft_model(base, peft.LoraConfig(
        task_type=task, r=2, init_lora_weights=False, target_modules=r".*\.(query|q_proj|q_lin)"))
    trained.save_pretrained(tmp_path / "adapter")
    first, second = calls_in(monkeypatch, tmp_path / "adapter")
    assert kind in first and all(f", {name}={value}" in first for name, value in asked.items())
    known = {"transformers": transformers, "peft": peft, "folder": tmp_path / "adapter"}
    exec(first, known)
    x = torch.tensor([[3, 4, 5]])
    assert torch.equal(eval(second, known).eval()(x).logits, trained.eval()(x).logits)


@pytest.mark.parametrize("whole", [False, True])
def test_the_call_that_it_names_loads_a_file_of_diffusers(tmp_path, monkeypatch, whole):
    """whole: whether the UNet saved it, without a pipeline, and so without "unet"."""
    from diffusers.loaders import StableDiffusionLoraLoaderMixin

    class Pipeline(StableDiffusionLoraLoaderMixin):
        hf_device_map = None
        text_encoder = None

        def __init__(self, model):
            self.unet = model
            self.components = {"unet": model}

    plain, x = unet()
    trained = copy.deepcopy(plain)
    trained.add_adapter(peft.LoraConfig(r=4, lora_alpha=4, target_modules=["to_q", "to_out.0"],
                                        init_lora_weights=False))
    file = tmp_path / "pytorch_lora_weights.safetensors"
    if whole:
        trained.save_lora_adapter(tmp_path)
    else:
        Pipeline.save_lora_weights(tmp_path, peft.get_peft_model_state_dict(trained))
    _, text = run(monkeypatch, "lora_edu.examine", file)
    [line] = [line for line in text.splitlines() if line.startswith("How do I load it?")]
    [call] = re.findall(r"pipeline\.[\w.]+\([^)]*\)", line)
    eval(call, {"pipeline": Pipeline(plain), "file": file})
    assert torch.equal(plain(*x).sample, trained(*x).sample)


def test_a_report_that_nobody_reads_to_its_end_is_no_error(tmp_path):
    """As before `| head`."""
    command = [sys.executable, "-m", "lora_edu.examine", write_peft(tmp_path, in_peft())]
    read_end, write_end = os.pipe()
    os.close(read_end)
    program = subprocess.run(command, stdout=write_end, stderr=subprocess.PIPE, text=True)
    os.close(write_end)
    assert (program.returncode, program.stderr) == (0, "")
