"""What goes wrong with LoRA in practice: planted faults, by what the user sees."""

import copy
import tempfile
import warnings

from peft import LoraConfig, PeftModel, get_peft_model

from lora_book.in_practice.planting import (
    TARGETS,
    Fault,
    adam,
    answer,
    fault,
    ours,
    pefts,
    trained,
)
from lora_book.in_practice.tiny import TinyChat, batch
from lora_edu.nn import load_adapter, merge_and_unload, save_adapter

STANDS_STILL: list[Fault] = []
LEARNS_LESS: list[Fault] = []
OTHER_IN_USE: list[Fault] = []


@fault(STANDS_STILL, "frozen", "“trainable params: 0” after loading",
       "huggingface/peft/issues/282")
def loaded_to_be_used(mended=False):
    with tempfile.TemporaryDirectory() as folder:
        pefts().save_pretrained(folder)
        return {"model": PeftModel.from_pretrained(TinyChat(), folder, is_trainable=mended)}


@fault(STANDS_STILL, "no-adapter", "the model you inspect never changes")
def another_copy(mended=False):
    model = TinyChat()
    adapted = ours(model=model if mended else copy.deepcopy(model))
    return {"model": model, "optimiser": adam(trained(adapted))}


@fault(STANDS_STILL, "inactive", "the saved adapter did not change in training")
def another_is_active(mended=False):
    model = pefts()
    model.add_adapter("second", LoraConfig(r=4, target_modules=TARGETS))
    model.set_adapter("second" if mended else "default")
    if not mended:
        # What trains, "second", is not what the forward pass uses.
        model.set_requires_grad("default", False)
        model.set_requires_grad("second", True)
    return {"model": model}


@fault(STANDS_STILL, "merged", "backward fails, or no weight changes, after the first evaluation")
def merged_for_an_evaluation(mended=False):
    model = pefts()
    model.merge_adapter()
    if mended:
        model.unmerge_adapter()
    return {"model": model, "batch": batch()}


@fault(STANDS_STILL, "both-zero", "grad_norm is 0 from the first step on")
def zeroed(mended=False):
    start = "A random, B zero" if mended else "both zero"
    return {"model": ours(start), "batch": batch()}


@fault(STANDS_STILL, "not-in-optimiser", "the gradients are nonzero, but no weight changes",
       "adapter-hub/adapters/issues/260")
def optimiser_too_early(mended=False):
    model = TinyChat()
    early = adam(model.parameters())
    ours(model=model)
    return {"model": model, "batch": batch(),
            "optimiser": adam(trained(model)) if mended else early}


@fault(STANDS_STILL, "no-gradient",
       "“element 0 of tensors does not require grad”, or no error but lora_B stays 0",
       "huggingface/peft/issues/137")
def checkpointed(mended=False):
    model = ours()
    model.gradient_checkpointing = True
    model.head.requires_grad_(True)  # so that backward finds something, and no error is raised
    if mended:
        model.enable_input_require_grads()
    return {"model": model, "batch": batch()}


@fault(LEARNS_LESS, "nested", "after a cell is run twice, the trained adapter is lost",
       "huggingface/peft/pull/2306")
def wrapped_twice(mended=False):
    model = pefts()
    config = LoraConfig(r=4, target_modules=TARGETS)
    if mended:
        model.add_adapter("second", config)
        return {"model": model}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PEFT warns of it
        return {"model": get_peft_model(model, config)}


@fault(LEARNS_LESS, "stuck", "lora_B is 0 in the saved file, although the optimiser contains it",
       "huggingface/peft/issues/1402")
def nothing_ever_moved(mended=False):
    model = ours("A random, B zero")
    # With a gate of 0 the blocks reach nothing, and every gradient is zero.
    model.gate = 1.0 if mended else 0.0
    optimiser = adam(trained(model))
    for _ in range(3):
        optimiser.zero_grad()
        model(**batch()).loss.backward()
        optimiser.step()
    return {"model": model, "optimiser": optimiser}


@fault(LEARNS_LESS, "half-precision", "A is unchanged after thousands of steps",
       "Lorenzo-Mazza/VersatIL/pull/5")
def all_in_bfloat16(mended=False):
    model = ours(model=TinyChat().bfloat16())
    if not mended:
        model.bfloat16()  # A and B too, which were in float32
    return {"model": model, "optimiser": adam(trained(model), lr=1e-5)}


@fault(LEARNS_LESS, "scale", "the adapter learns almost nothing at the usual learning rate",
       "kohya-ss/sd-scripts/issues/98")
def alpha_of_one(mended=False):
    return {"model": ours("A random, B zero", r=64, alpha=64 if mended else 1)}


@fault(LEARNS_LESS, "full-at-lora-rate", "the loss jumps when a head or embeddings are trained too",
       "axolotl-ai-cloud/axolotl/pull/1910")
def head_in_the_adapters_group(mended=False):
    model = pefts(modules_to_save=["head"])
    head = [p for name, p in model.named_parameters() if "head" in name and p.requires_grad]
    adapter = [p for name, p in model.named_parameters() if "lora_" in name]
    groups = [{"params": adapter}, {"params": head, "lr": 1e-4}]
    return {"model": model, "optimiser": adam(groups if mended else trained(model))}


@fault(LEARNS_LESS, "base-trains",
       "memory use equals full fine-tuning's; the saved adapter alone is not the model")
def thawed(mended=False):
    model = ours()
    if not mended:
        model.requires_grad_(True)
    return {"model": model, "optimiser": adam(trained(model))}


@fault(OTHER_IN_USE, "idle", "the loaded adapter changes nothing",
       "huggingface/transformers/issues/36594")
def names_that_do_not_fit(mended=False):
    source = pefts(init_lora_weights=False)  # so B is not zero
    state = {name: value for name, value in source.state_dict().items() if "lora_" in name}
    target = pefts().eval()
    prefix = "" if mended else "module."  # as DistributedDataParallel names them
    target.load_state_dict({prefix + name: value for name, value in state.items()}, strict=False)
    return {"model": target, "training": False}


@fault(OTHER_IN_USE, "scaling", "the adapter is much weaker, or stronger, than in training",
       "NVIDIA/TensorRT-LLM/issues/1668")
def settings_say_rslora(mended=False):
    # ``ours`` has r and alpha by default.
    settings = {"peft_type": "LORA", "r": 4, "lora_alpha": 8, "use_rslora": True,
                "target_modules": TARGETS}
    return {"model": ours(rule="rslora" if mended else "lora"), "config": settings,
            "training": False}


@fault(OTHER_IN_USE, "reference", "the adapter is much weaker when served",
       "sgl-project/sglang/issues/40835")
def served_with_alpha_over_r(mended=False):
    want = answer(ours(rule="rslora"))
    return {"model": ours(rule="rslora" if mended else "lora"), "batch": batch(),
            "reference": want, "training": False}


@fault(OTHER_IN_USE, "reference", "the adapter is too strong after merging and loading again")
def merged_and_loaded_again(mended=False):
    base = TinyChat()
    model = ours()
    want = answer(model)
    loaded = copy.deepcopy(model)
    merge_and_unload(loaded)
    with tempfile.TemporaryDirectory() as folder:
        save_adapter(model, folder)
        model = base if mended else loaded
        load_adapter(model, folder)
    return {"model": model, "batch": batch(), "reference": want, "training": False}


@fault(OTHER_IN_USE, "reference", "the model loads without error, but outputs nonsense")
def another_base(mended=False):
    model = ours()
    other = ours(model=TinyChat(seed=0 if mended else 7))
    return {"model": other, "batch": batch(), "reference": answer(model), "training": False}


GROUPS = {
    "The loss does not fall": STANDS_STILL,
    "It learns, but less than it should": LEARNS_LESS,
    "In use, the model behaves differently": OTHER_IN_USE,
}
FAULTS = [each for group in GROUPS.values() for each in group]
