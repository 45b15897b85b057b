"""What a tool's settings mean: the scale, and the first step."""


import pytest

from lora_edu.nn import TOOLS, convention

SCALES = {"PEFT": 8 / 16, "kohya": 1 / 16, "diffusers, Flux": 4 / 16, "diffusers, SD": 1, "MLX": 20,
          "torchtune": 1, "LlamaFactory": 2, "Keras": 1, "loralib": 1 / 16,
          "Unsloth": 1, "Tinker": 2, "verl": 1,
          "litgpt": 1, "ai-toolkit": 1 / 16,
          "OneTrainer": 1 / 16}  # at r = 16, with nothing else said


@pytest.mark.parametrize("tool", TOOLS)
def test_the_scale_when_nothing_is_said(tool):
    if tool not in SCALES:
        with pytest.raises(ValueError, match=f"alpha or scale must be given; {tool} has no"):
            convention(tool, r=16)
        return
    reading = convention(tool, r=16, optimiser="Lion")
    assert reading.scale == reading.stride == SCALES[tool] and reading.warnings
    assert not convention("PEFT", 16, reading.scale * 16).warnings


def test_an_adam_that_corrects_no_bias_is_told_of_and_corrected_elsewhere():
    first, tenth = ((1 - 0.9**t) / (1 - 0.999**t)**0.5 for t in (1, 10))
    for optimiser in ("Adam", "AdamW"):
        reading = convention("MLX", 16, scale=1, optimiser=optimiser)
        correction = f"optimizer_config: {{{optimiser.lower()}: {{bias_correction: true}}}}"
        [warning] = reading.warnings
        assert f"first step is {first:.2f} times" in warning
        assert f"tenth {tenth:.2f} times" in warning and correction in warning
        assert reading.stride == pytest.approx(first)
    plain = convention("MLX", 16, scale=4, optimiser="SGD")
    assert plain.stride == 16 and not plain.warnings  # the scale squared


@pytest.mark.parametrize("tool, settings, words", [
    ("PEFT", {"rslora": True}, "keep α and multiply η by (old r / new r)^0.5"),
    ("PEFT", {"optimiser": "SGD"}, "keep α and multiply η by (new r / old r)"),
    ("PEFT", {"start": "peft_gaussian"}, "keep α and multiply η by (new r / old r)"),
    ("MLX", {}, "keep the scale and multiply η by (old r / new r)"),
    ("diffusers, SD", {}, "keep α = r and η"),
    ("Tinker", {}, "keep α and η"),
    ("PEFT", {}, "keep α and η")])
def test_what_to_do_when_r_changes(tool, settings, words):
    assert convention(tool, **settings).when_r_changes == words


def test_the_same_run_elsewhere():
    assert convention("mlx").stride * 1e-5 == pytest.approx(6.3e-4, rel=0.01)  # at its own rate
    elsewhere = convention("PEFT", 16, 8, rslora=True, k=300).elsewhere
    assert elsewhere["kohya"] == "--network_dim=16 --network_alpha=32"
    assert elsewhere["axolotl"] == "lora_r: 16, lora_alpha: 8, peft_use_rslora: true"
    assert elsewhere["Unsloth"] == "r=16, lora_alpha=8, use_rslora=True"
    assert elsewhere["LlamaFactory"] == "lora_rank: 16, lora_alpha: 8, use_rslora: true"
    assert elsewhere["Keras"] == "rank=16, lora_alpha=32; its initial A is 2.45 times as large"
    assert elsewhere["diffusers, SD"] == "no setting gives it: there s is 1"
    assert convention("diffusers, Flux", 16, 16).elsewhere["diffusers, SD"] == "--rank=16"
    assert elsewhere["Tinker"] == "rank=16"
    assert convention("PEFT", 16, 16).elsewhere["Tinker"] == "no setting gives it: there s is 2"


@pytest.mark.parametrize("tool, settings, words", [
    ("JAX", {}, "tool must be one of 'PEFT'"),
    ("Keras", {}, "r must be given; Keras has no default rank"),
    ("kohya", {"rslora": True}, "rslora must be False for kohya"),
    ("MLX", {"alpha": 8}, "alpha must be left out for MLX, whose setting is scale"),
    ("diffusers, SD", {"alpha": 8}, "alpha and scale must be left out"),
    ("PEFT", {"optimiser": "Muon"}, "optimiser must be one of 'Adam', .*'Muon'"),
    ("PEFT", {"optimiser": None}, "optimiser must be one of 'Adam', .*None")])
def test_errors(tool, settings, words):
    with pytest.raises(ValueError, match=words):
        convention(tool, **settings)
