"""The faults that are looked for in a file: each with its question and, in the doctor's form and
where it asks the same in its words, symptom, likely cause and remedy."""

from lora_edu.examine import base
from lora_edu.examine import questions as ask
from lora_edu.findings import BOTH_ZERO, IDLE, SCALE, Fault

FAULTS = (
    Fault(
        "not-finite", "error",
        find=ask.not_finite,
        symptom="A or B has numbers that are not finite, or that overflow in BA: NaN or infinity "
                "comes out",
        cause="training diverged, or numbers above 65,504 were written as float16",
        remedy="take an earlier checkpoint; train with a smaller rate, and save in bfloat16 or "
               "float32"),
    Fault(
        "incomplete", "error",
        find=ask.incomplete,
        symptom="A and B are not both there, or are no two matrices of one rank",
        cause="the file was put together by hand, or cut, or saved while the numbers were on "
              "other devices, as with DeepSpeed's ZeRO-3 and FSDP",
        remedy="save it again from the program that trained it, and gather the weights before "
               "(zero_to_fp32.py, or stage3_gather_16bit_weights_on_model_save)"),
    Fault(
        "switched-off", "error",
        find=ask.each(ask.is_switched_off),
        symptom="s is 0, for α is 0: nothing is added, whatever A and B have learned",
        cause="a strength of 0 was written into the file, or the α of a tool that takes 0 for r",
        remedy="write the α of training into the keys"),
    Fault(
        "unusable-alpha", "error",
        find=ask.each(ask.has_unusable_alpha),
        symptom="α is NaN or infinity, or makes s larger than 1e30 or smaller than 1e-30: the "
                "numbers here are those of s = 1",
        cause="the file is damaged, or a program that wrote it has divided by zero",
        remedy="write the α of training in its place"),
    Fault("both-zero", "error", find=ask.each(ask.is_both_zero), **BOTH_ZERO),
    Fault("idle", "error", find=ask.idle, **IDLE),
    Fault(
        "barely-moved", "warning",
        find=ask.each(ask.has_barely_moved),
        symptom="B's entries are about a millionth or less: it has hardly left its zero",
        cause="very few steps, or a learning rate far too small: Adam's first step alone is η",
        remedy="look at the rate and at the number of steps in the log"),
    Fault(
        "default-alpha", "note",
        find=ask.default_alpha,
        symptom="s is {s}, with an α of {alpha}, the default of {tools} at every rank",
        cause="r was chosen and α was not",
        remedy="nothing, if the rate was tuned with it; else search the rate again"),
    Fault(
        "default-alpha", "note",
        find=ask.each(ask.has_default_scale),
        symptom="s is {s}, MLX's default at every rank (10 until June 2025, and 20 since)",
        cause="the scale was not chosen",
        remedy="nothing, if the rate was tuned with it; else search the rate again"),
    Fault(
        "other-rule", "note",
        find=ask.each(ask.has_alpha_of_other_rule),
        symptom="s is {s} by α/√r, with an α of {alpha}",
        cause="rsLoRA was switched on, and α is as one sets it for α/r",
        remedy="nothing, if it was tuned so; else divide α by √r, and serve with the rule of "
               "training"),
    Fault(
        "passed-over-alpha", "note",
        find=ask.passed_over_alpha,
        symptom="an α of {alpha} stands beside the scale: MLX passes over it since June 2024",
        cause="the recipe is of before; from January to June 2024 MLX took scale·α/r for s",
        remedy="nothing, if it was trained since; else write scale·α/r as the scale"),
    Fault("scale", "note", find=ask.each(ask.has_unusual_scale), **SCALE),
    Fault(
        "settings", "error",
        find=ask.bad_settings,
        symptom="the settings cannot be used: {fault}",
        cause="they are damaged, of another adapter, or of another method",
        remedy="take the settings that were saved with the weights"),
    Fault(
        "no-scale", "warning",
        find=ask.without_scale,
        symptom="the file does not say s: the numbers here are those of s = 1",
        cause="its settings, adapter_config.json, are not beside it, or name no scale",
        remedy="say α (--alpha 16, or alpha=16), or give the settings of training: a JSON such as "
               "{settings}, as adapter_config.json beside the file, --config, or config="),
    Fault(
        "no-alpha", "note",
        find=ask.without_alpha,
        symptom="there is no key for α: loaders take α = r, so s = 1",
        cause="the file is old, a converter left the keys out, or α was folded into A or B",
        remedy="compare with the α of training; where it was another, write the keys"),
    Fault(
        "alpha-in-metadata", "warning",
        find=ask.alpha_in_metadata,
        symptom="the metadata says α = {alpha}, and loaders take {acts}: that of a key, or else r",
        cause="the trainer writes α into the metadata alone, or the file was rescaled or converted",
        remedy="find out which the training had, and write it as the key of each module"),
    Fault(
        "doubtful-alpha", "note",
        find=ask.doubtful_alpha,
        symptom="α stands in keys, which diffusers' own loader of a UNet passes over",
        cause="ComfyUI and others write such keys, and read them",
        remedy="load it where they are read, or convert it (python -m lora_edu.nn.convert)"),
    Fault(
        "rank", "error",
        find=ask.each(ask.has_other_rank),
        symptom="the file has another rank than its settings: PEFT will not load it",
        cause="the settings are of another adapter, or r was edited",
        remedy="take the settings that were saved with the weights"),
    Fault(
        "unmatched-names", "warning",
        find=ask.unmatched_names,
        symptom="target_modules, rank_pattern or alpha_pattern name what no module of the file is "
                "called",
        cause="another model's names, or modules that PEFT did not reach, as fused experts",
        remedy="compare the names with the model's"),
    Fault(
        "two-patterns", "warning",
        find=ask.ambiguous_patterns,
        symptom="two patterns with two values match one module, and the file has lost their order",
        cause="PEFT takes the first, and sorts them when it saves",
        remedy="keep only the one that was first in training"),
    Fault(
        "not-saved", "warning",
        find=ask.not_saved,
        symptom="modules_to_save names a module whose weights are not in the file",
        cause="no module of the model has that name, or the save passed it over",
        remedy="compare the name with the model's; save again from the program that trained it"),
    Fault(
        "moved-base", "warning",
        find=ask.moved_base,
        symptom="A and B began at a start that changes W0: the adapter belongs to another base",
        cause="init_lora_weights names PiSSA, OLoRA, LoftQ or another such start",
        remedy="use it on the changed base, or convert it with its start (save_pretrained with "
               "path_initial_model_for_weight_conversion)"),
    Fault(
        "other-method", "note",
        find=ask.other_method,
        symptom="this is {methods}: what it adds is more than s·B·A, or another product",
        cause="it was trained so",
        remedy="read its numbers as those of s·B·A alone, where there are any"),
    Fault(
        "beyond-lora", "note",
        find=ask.beyond_lora,
        symptom="settings are on that say more than α, r and names: see where",
        cause="it was trained so",
        remedy="look whether the program that is to load it knows them"),
    Fault(
        "trained-in-full", "note",
        find=lambda case: list(case.file.whole),
        symptom="the file holds weights that are no adapter, trained in full beside it or saved "
                "with it",
        cause="modules_to_save, trained biases, or an embedding that grew",
        remedy="see that the program that loads the adapter takes them, too"),
    Fault(
        "other-keys", "warning",
        find=ask.other_keys,
        symptom="keys have an adapter's name in them, or lack base_model.model: PEFT would pass "
                "them over",
        cause="a state_dict was saved, not the adapter, or a library that writes other keys",
        remedy="save with save_pretrained, or rename the keys"),
    Fault(
        "mixed-precision", "note",
        find=ask.mixed_precision,
        symptom="these are in another precision than most",
        cause="two files were joined, or part of the model was cast",
        remedy="nothing, if it is meant"),
    Fault(
        "unused-rank", "note",
        find=ask.unused_ranks,
        symptom="in {share} modules {kept} components hold 99 % of ‖ΔW‖²",
        cause="the task asks for less than the rank, or the run was short",
        remedy="cut it: r = {r} with α = {alpha} keeps s (by α/r) and loses {lost} of ‖ΔW‖²; or "
               "train with a smaller r and its own rate"),
    Fault(
        "far-from-start", "note",
        find=ask.far_from_start,
        symptom="A is {times} times as wide as {start}",
        cause="the rate was large for this scale, or the run very long",
        remedy="compare the outputs with the base's, and train once with a third of the rate"),
    Fault(
        "outlier", "note",
        find=ask.outliers,
        symptom="‖ΔW‖ is {times} times the median",
        cause="the rate was too large for these modules, or they have another scale",
        remedy="look at their s, and try the adapter without them"),
    Fault(
        "unknown-name", "error",
        find=base.unknown_names,
        symptom="{share} modules are none of the base's by name, so a loader passes them over",
        cause="another model, another version of it, or names written otherwise",
        remedy="compare the names with the model's, and give the model that it was trained on",
        needs={"base"}),
    Fault(
        "other-shape", "error",
        find=base.other_shape,
        symptom="the base's weight has another shape than ΔW",
        cause="the base is another model, often of the same family",
        remedy="give the weights of the model that it was trained on",
        needs={"base"}),
    Fault(
        "no-adapter", "warning",
        find=base.without_adapter,
        symptom="target_modules chooses a module of the base that has no adapter in the file",
        cause="the file was cut, or the module was not reached in training",
        remedy="compare the file's names with the model's",
        needs={"base"}),
    Fault(
        "merge", "warning",
        find=base.lost_by_rounding,
        symptom="merged into bfloat16, more than half of ‖ΔW‖² is rounded away, {share} in the "
                "worst case",
        cause="ΔW is smaller than the spacing of bfloat16 beside W0",
        remedy="keep the adapter beside the weights, or merge and keep them in float32",
        needs={"base"}),
)
