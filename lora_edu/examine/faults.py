"""The faults that are looked for in a file: each with its question and, in the doctor's form and
where it asks the same in its words, symptom, likely cause and remedy."""

from lora_edu.examine import base
from lora_edu.examine import questions as ask
from lora_edu.findings import BOTH_ZERO, IDLE, SCALE, Test

TESTS = (
    Test(
        "not-finite", "error", ask.not_finite,
        "A or B has numbers that are not finite: NaN or infinity comes out",
        "training diverged, or numbers above 65,504 were written as float16",
        "take an earlier checkpoint; train with a smaller rate, and save in bfloat16 or float32"),
    Test(
        "incomplete", "error", ask.incomplete,
        "A and B are not both there, or are no two matrices of one rank",
        "the file was put together by hand, or cut, or saved while the numbers were on other "
        "devices, as with DeepSpeed's ZeRO-3 and FSDP",
        "save it again from the program that trained it, and gather the weights before "
        "(zero_to_fp32.py, or stage3_gather_16bit_weights_on_model_save)"),
    Test(
        "switched-off", "error", ask.each(ask.is_switched_off),
        "s is 0, for α is 0: nothing is added, whatever A and B have learned",
        "a strength of 0 was written into the file, or the α of a tool that takes 0 for r",
        "write the α of training into the keys"),
    Test("both-zero", "error", ask.each(ask.is_both_zero), *BOTH_ZERO),
    Test("idle", "error", ask.idle, *IDLE),
    Test(
        "barely-moved", "warning", ask.each(ask.has_barely_moved),
        "B's entries are about a millionth or less: it has hardly left its zero",
        "very few steps, or a learning rate far too small: Adam's first step alone is η",
        "look at the rate and at the number of steps in the log"),
    Test(
        "default-alpha", "note", ask.each(ask.has_default_alpha),
        "s is {s}, with an α of {alpha}, which is a tool's default at every rank",
        "r was chosen and α was not",
        "nothing, if the rate was tuned with it; else search the rate again"),
    Test(
        "default-alpha", "note", ask.each(ask.has_default_scale),
        "s is 20, MLX's default at every rank",
        "the scale was not chosen",
        "nothing, if the rate was tuned with it; else search the rate again"),
    Test(
        "other-rule", "note", ask.each(ask.has_alpha_of_other_rule),
        "s is {s} by α/√r, with an α of {alpha}",
        "rsLoRA was switched on, and α is as one sets it for α/r",
        "nothing, if it was tuned so; else divide α by √r, and serve with the rule of training"),
    Test("scale", "note", ask.each(ask.has_unusual_scale), *SCALE),
    Test(
        "settings", "error", ask.bad_settings,
        "the settings cannot be used: {fault}",
        "they are damaged, of another adapter, or of another method",
        "take the settings that were saved with the weights"),
    Test(
        "no-scale", "warning", ask.without_scale,
        "the file does not say s: the numbers here are those of s = 1",
        "its settings, adapter_config.json, are not beside it, or name no scale",
        "give the settings; without them any other program has to guess as well"),
    Test(
        "no-alpha", "note", ask.without_alpha,
        "there is no key for α: loaders take α = r, so s = 1",
        "the file is old, a converter left the keys out, or α was folded into A or B",
        "compare with the α of training; where it was another, write the keys"),
    Test(
        "alpha-in-metadata", "warning", ask.alpha_in_metadata,
        "the metadata says α = {alpha}, and loaders take {acts}: that of a key, or else r",
        "the trainer writes α into the metadata alone, or the file was rescaled or converted",
        "find out which the training had, and write it as the key of each module"),
    Test(
        "doubtful-alpha", "note", ask.doubtful_alpha,
        "α stands in keys, which diffusers' own loader of a UNet passes over",
        "ComfyUI and others write such keys, and read them",
        "load it where they are read, or convert it (python -m lora_edu.nn.convert)"),
    Test(
        "rank", "error", ask.each(ask.has_other_rank),
        "the file has another rank than its settings: PEFT will not load it",
        "the settings are of another adapter, or r was edited",
        "take the settings that were saved with the weights"),
    Test(
        "unmatched-names", "warning", ask.unmatched_names,
        "target_modules, rank_pattern or alpha_pattern name what no module of the file is called",
        "another model's names, or modules that PEFT did not reach, as fused experts",
        "compare the names with the model's"),
    Test(
        "two-patterns", "warning", ask.ambiguous_patterns,
        "two patterns with two values match one module, and the file has lost their order",
        "PEFT takes the first, and sorts them when it saves",
        "keep only the one that was first in training"),
    Test(
        "not-saved", "warning", ask.not_saved,
        "modules_to_save names a module whose weights are not in the file",
        "no module of the model has that name, or the save passed it over",
        "compare the name with the model's; save again from the program that trained it"),
    Test(
        "moved-base", "warning", ask.moved_base,
        "A and B began at a start that changes W0: the adapter belongs to another base",
        "init_lora_weights names PiSSA, OLoRA, LoftQ or another such start",
        "use it on the changed base, or convert it with its start (save_pretrained with "
        "path_initial_model_for_weight_conversion)"),
    Test(
        "other-method", "note", ask.other_method,
        "this is {methods}: what it adds is more than s·B·A, or another product",
        "it was trained so",
        "read its numbers as those of s·B·A alone, where there are any"),
    Test(
        "beyond-lora", "note", ask.beyond_lora,
        "settings are on that say more than α, r and names: see where",
        "it was trained so",
        "look whether the program that is to load it knows them"),
    Test(
        "trained-in-full", "note", lambda case: list(case.source.whole),
        "the file holds weights that are no adapter, trained in full beside it or saved with it",
        "modules_to_save, trained biases, or an embedding that grew",
        "see that the program that loads the adapter takes them, too"),
    Test(
        "other-keys", "warning", ask.other_keys,
        "keys have an adapter's name in them, or lack base_model.model: PEFT would pass them over",
        "a state_dict was saved, not the adapter",
        "save with save_pretrained, or rename the keys"),
    Test(
        "mixed-precision", "note", ask.mixed_precision,
        "these are in another precision than most",
        "two files were joined, or part of the model was cast",
        "nothing, if it is meant"),
    Test(
        "unused-rank", "note", ask.unused_ranks,
        "in {share} modules {kept} components hold 99 % of ‖ΔW‖²",
        "the task asks for less than the rank, or the run was short",
        "cut it: r = {r} with α = {alpha} keeps s (by α/r) and loses {lost} of ‖ΔW‖²; or train "
        "with a smaller r and its own rate"),
    Test(
        "outlier", "note", ask.outliers,
        "‖ΔW‖ is {times} times the median",
        "the rate was too large for these modules, or they have another scale",
        "look at their s, and try the adapter without them"),
    Test(
        "unknown-name", "error", base.unknown_names,
        "{share} modules are none of the base's by name, so a loader passes them over",
        "another model, another version of it, or names written otherwise",
        "compare the names with the model's, and give the model that it was trained on", ("base",)),
    Test(
        "other-shape", "error", base.other_shape,
        "the base's weight has another shape than ΔW",
        "the base is another model, often of the same family",
        "give the weights of the model that it was trained on", ("base",)),
    Test(
        "no-adapter", "warning", base.without_adapter,
        "target_modules chooses a module of the base that has no adapter in the file",
        "the file was cut, or the module was not reached in training",
        "compare the file's names with the model's", ("base",)),
    Test(
        "merge", "warning", base.lost_by_rounding,
        "merged into bfloat16, more than half of ‖ΔW‖² is rounded away, {share} in the worst case",
        "ΔW is smaller than the spacing of bfloat16 beside W0",
        "keep the adapter beside the weights, or merge and keep them in float32", ("base",)),
)
