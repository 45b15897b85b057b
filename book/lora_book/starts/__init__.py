"""The code behind the chapter *Starts and traps*."""

COMPARED_STARTS = (  # in the order of the stored data
    "default", "gaussian", "EVA", "A zero", "A zero, wide", "orthogonal", "PiSSA", "MiLoRA",
    "OLoRA", "CorDA", "LoRA-GA", "both random", "both random, subtracted", "both small",
    "both small, subtracted")
