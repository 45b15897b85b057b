"""The check of the chapter Using PEFT."""

from lora_book.shared.verdict import agree, ask, check

PLAIN = {"r": 8, "lora_alpha": 16, "use_rslora": False, "rank_pattern": {}, "alpha_pattern": {}}
CASES = (  # settings of the file, layer, scale
    ({}, "up", 2.0),
    ({"r": 16, "lora_alpha": 4}, "up", 0.25),
    ({"r": 16, "lora_alpha": 4, "use_rslora": True}, "up", 1.0),
    ({"rank_pattern": {"down": 4}}, "down", 4.0),
    ({"rank_pattern": {"down": 4}}, "up", 2.0),
    ({"alpha_pattern": {"up": 4}}, "up", 0.5),
    ({"rank_pattern": {"up": 2}, "alpha_pattern": {"up": 6}}, "up", 3.0),
    ({"rank_pattern": {"up": 4}, "alpha_pattern": {"up": 6}, "use_rslora": True}, "up", 3.0))


@check
def scale_in_file(scale) -> str:
    """Check a function (config, layer) → the scale of an adapter's file for this layer.

    The scales wanted are written down, for eight files.
    """
    for settings, layer, want in CASES:
        config = PLAIN | settings
        answer = ask(scale, config, layer)
        agree({f"the scale of '{layer}' in {settings or 'a plain file'}": want}, [answer])
    return "for plain files, rsLoRA, and layers with their own r or α."
