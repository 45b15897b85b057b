"""The faults that are looked for in a file: each with its question and, in the doctor's form and
where it asks the same in its words, symptom, likely cause and remedy."""

from lora_edu.examine import base
from lora_edu.examine import questions as ask
from lora_edu.findings import BOTH_ZERO, IDLE, SCALE, Fault

FAULTS = (
    Fault(
        "not-finite", "error",
        find=ask.not_finite,
        symptom="A or B has numbers that are not finite or that overflow in BA, so the result is "
                "NaN or infinity",
        cause="training diverged, or numbers above 65,504 were once stored in float16",
        remedy="use an earlier checkpoint; train with a smaller learning rate, and save in "
               "bfloat16 or float32"),
    Fault(
        "incomplete", "error",
        find=ask.incomplete,
        symptom="A or B is missing, or they are not two matrices of floating-point numbers with "
                "the same rank",
        cause="the file was assembled by hand, cut short, or saved while the numbers were on "
              "other devices, as with DeepSpeed's ZeRO-3 and FSDP",
        remedy="save it again from the program that trained it; if it was sharded, gather the "
               "weights first (zero_to_fp32.py, or stage3_gather_16bit_weights_on_model_save)"),
    Fault(
        "incomplete", "error",
        find=ask.without_magnitudes,
        symptom="use_dora is on in the settings, but the file holds no magnitudes of DoRA",
        cause="a program that does not know DoRA wrote the file, or the settings belong to a "
              "different adapter",
        remedy="save both again from the program that trained them"),
    Fault(
        "switched-off", "error",
        find=ask.each(ask.is_switched_off),
        symptom="s is 0 because α is 0: nothing is added, whatever A and B have learned",
        cause="a strength of 0 was written into the file, or α = 0 comes from a tool in which it "
              "means α = r",
        remedy="write the α used in training into the keys"),
    Fault(
        "unusable-alpha", "error",
        find=ask.each(ask.has_unusable_alpha),
        symptom="α is NaN or infinity, or makes s larger than 1e30 or smaller than 1e-30, so the "
                "numbers here are for s = 1",
        cause="the file is damaged, or the program that wrote it divided by zero",
        remedy="replace it with the α used in training"),
    Fault("both-zero", "error", find=ask.each(ask.is_both_zero), **BOTH_ZERO),
    Fault("idle", "error", find=ask.idle, **IDLE),
    Fault(
        "barely-moved", "warning",
        find=ask.each(ask.has_barely_moved),
        symptom="B's entries are about a millionth or less, so B has barely moved from zero",
        cause="very few steps, or a learning rate far too small: Adam's first step alone changes "
              "an entry by η",
        remedy="check the learning rate and the number of steps in the log"),
    Fault(
        "default-alpha", "note",
        find=ask.default_alpha,
        symptom="s is {s}, with an α of {alpha}, the default of {tools} at every rank",
        cause="r was chosen but α was not",
        remedy="nothing to do if you tuned the learning rate at this scale; otherwise tune it "
               "again"),
    Fault(
        "default-alpha", "note",
        find=ask.each(ask.has_default_scale),
        symptom="s is {s}, MLX's default at every rank (10 until June 2025, and 20 since)",
        cause="the scale was not chosen",
        remedy="nothing to do if you tuned the learning rate at this scale; otherwise tune it "
               "again"),
    Fault(
        "other-rule", "note",
        find=ask.each(ask.has_alpha_of_other_rule),
        symptom="s is {s} under α/√r, with an α of {alpha}",
        cause="rsLoRA was switched on, but α has a value usual for α/r",
        remedy="nothing to do if it was tuned that way; otherwise divide α by √r; serve with the "
               "rule used in training"),
    Fault(
        "passed-over-alpha", "note",
        find=ask.passed_over_alpha,
        symptom="an α of {alpha} is given besides the scale, but MLX has ignored α since June 2024",
        cause="the recipe is older: from January to June 2024, MLX used s = scale·α/r",
        remedy="nothing to do if it was trained later; otherwise write scale·α/r as the scale"),
    Fault("scale", "note", find=ask.each(ask.has_unusual_scale), **SCALE),
    Fault(
        "settings", "error",
        find=ask.bad_settings,
        symptom="the settings cannot be used: {fault}",
        cause="they are damaged, or belong to a different adapter or method",
        remedy="use the settings that were saved with the weights"),
    Fault(
        "no-scale", "warning",
        find=ask.without_scale,
        symptom="the file does not give the scale s, so the numbers here are for s = 1",
        cause="its settings, adapter_config.json, are missing, or give no scale",
        remedy="give α (--alpha 16, or alpha=16) or the settings used in training: a JSON such as "
               "{settings}, as adapter_config.json in the file's folder, --config, or config="),
    Fault(
        "no-alpha", "note",
        find=ask.without_alpha,
        symptom="there is no key for α, so loaders take α = r and s is 1",
        cause="the file is old, a converter left the keys out, or α was folded into A or B",
        remedy="compare with the α used in training; if it differs, write the keys"),
    Fault(
        "alpha-in-metadata", "warning",
        find=ask.alpha_in_metadata,
        symptom="the metadata says α = {alpha}, but loaders take {acts} (from a key, or else r)",
        cause="the trainer writes α only into the metadata, or the file was rescaled or converted",
        remedy="find out which α was used in training, and write it into the key of each module"),
    Fault(
        "doubtful-alpha", "note",
        find=ask.doubtful_alpha,
        symptom="α is stored in keys that some of diffusers' loaders ignore, such as its UNet's",
        cause="ComfyUI and others write such keys, and read them",
        remedy="load it with a tool that reads them, or convert it (python -m "
               "lora_edu.nn.convert)"),
    Fault(
        "rank", "error",
        find=ask.each(ask.has_other_rank),
        symptom="the file's rank differs from its settings', so PEFT will not load it",
        cause="the settings belong to a different adapter, or r was edited",
        remedy="use the settings that were saved with the weights"),
    Fault(
        "unmatched-names", "warning",
        find=ask.unmatched_names,
        symptom="target_modules, rank_pattern or alpha_pattern contains a name that matches no "
                "module in the file",
        cause="names from a different model, or modules that PEFT did not reach, such as fused "
              "experts",
        remedy="compare the names with the model's"),
    Fault(
        "two-patterns", "warning",
        find=ask.ambiguous_patterns,
        symptom="two patterns with different values match one module, and the file has lost their "
                "order",
        cause="PEFT takes the first, but sorts them when it saves",
        remedy="keep only the pattern that came first in training"),
    Fault(
        "not-saved", "warning",
        find=ask.not_saved,
        symptom="modules_to_save names a module whose weights are not in the file",
        cause="no module of the model has that name, or it was not saved",
        remedy="compare the name with the model's; save again from the program that trained it"),
    Fault(
        "biases-not-saved", "note",
        find=ask.biases_not_saved,
        symptom="the settings say that biases were trained, but no adapted module has one in the "
                "file",
        cause="the base's modules have none, or an older PEFT did not save them",
        remedy="if they have some, save again with a newer PEFT from the program that trained "
               "them; the trained biases are not in the file"),
    Fault(
        "moved-base", "warning",
        find=ask.moved_base,
        symptom="A and B were initialised in a way that changes W0, so the adapter belongs to a "
                "different base",
        cause="init_lora_weights names PiSSA, OLoRA, LoftQ or a similar method",
        remedy="use it on the changed base, or convert it with its initial adapter "
               "(save_pretrained with "
               "path_initial_model_for_weight_conversion)"),
    Fault(
        "other-method", "note",
        find=ask.other_method,
        symptom="this is {methods}, which adds more than s·B·A, or a different product",
        cause="it was trained that way",
        remedy="read any numbers as those of s·B·A alone"),
    Fault(
        "beyond-lora", "note",
        find=ask.beyond_lora,
        symptom="settings beyond α, r and names are on: see “where”",
        cause="it was trained that way",
        remedy="check that the program that will load it supports them"),
    Fault(
        "trained-in-full", "note",
        find=ask.trained_in_full,
        symptom="the file holds weights other than A and B, such as a classifier head: {numbers} "
                "numbers, {share} of the file",
        cause="a head that PEFT saves automatically, modules_to_save, trained biases, or an "
              "enlarged embedding",
        remedy="check that the program that loads the adapter loads them too, as PEFT does with "
               "its own files"),
    Fault(
        "other-keys", "warning",
        find=ask.other_keys,
        symptom="keys contain an adapter's name or lack base_model.model, so PEFT would ignore "
                "them",
        cause="a state_dict was saved instead of the adapter, or a library wrote other keys",
        remedy="save with save_pretrained, or rename the keys"),
    Fault(
        "mixed-precision", "note",
        find=ask.mixed_precision,
        symptom="their precision differs from that of most others",
        cause="two files were joined, or part of the model was cast",
        remedy="nothing to do if it is intended"),
    Fault(
        "unused-rank", "note",
        find=ask.unused_ranks,
        symptom="in {share} modules, the strongest {kept} at least 99 % of ‖ΔW‖²",
        cause="the task needs a smaller rank, or the run was short",
        remedy="truncate it: r = {r} with α = {alpha} keeps s (by α/r) and loses {lost} of ‖ΔW‖²; "
               "or train with a smaller r and tune its learning rate"),
    Fault(
        "far-from-start", "note",
        find=ask.far_from_start,
        symptom="A's spread is {times} times {start}",
        cause="the learning rate was large for this scale, or the run was very long",
        remedy="compare the outputs with the base's, and train once with a third of the learning "
               "rate"),
    Fault(
        "other-start", "note",
        find=ask.other_start,
        symptom="A's spread is {times} times that of {named}, which the file or its tool names, "
                "but fits {fits}",
        cause="the file was converted by a program that wrote a start of its own",
        remedy="nothing to do: the start matters only in training"),
    Fault(
        "outlier", "note",
        find=ask.outliers,
        symptom="‖ΔW‖ is {times} times the median",
        cause="the learning rate was too large for these modules, or their scale differs",
        remedy="check their s, and try the adapter without them"),
    Fault(
        "unknown-name", "error",
        find=base.unknown_names,
        symptom="the names of {share} modules are not in the base, so a loader ignores these "
                "modules",
        cause="a different model, a different version of it, or a different spelling of names",
        remedy="compare the names with the model's, and use the model the adapter was trained on",
        needs={"base"}),
    Fault(
        "other-shape", "error",
        find=base.other_shape,
        symptom="the base's weight and ΔW differ in shape",
        cause="the base is a different model, often of the same family",
        remedy="use the weights of the model that the adapter was trained on",
        needs={"base"}),
    Fault(
        "no-adapter", "warning",
        find=base.without_adapter,
        symptom="target_modules selects a module of the base that has no adapter in the file",
        cause="the file is incomplete, or training did not reach the module",
        remedy="compare the file's names with the model's",
        needs={"base"}),
    Fault(
        "merge", "warning",
        find=base.lost_by_rounding,
        symptom="merging into bfloat16 has an error above half of ‖ΔW‖², {share} in the worst "
                "case",
        cause="ΔW is smaller than the spacing of bfloat16 numbers near W0",
        remedy="keep the adapter unmerged, or merge and store the weights in float32",
        needs={"base"}),
)
