"""Checks for the book's code exercises: each tells right from wrong, and says what is off.

Imports the NumPy core only; one module a chapter. A check takes the reader's function, tries it on
copies of random matrices against an oracle that shares no code with the solution, prints what it
found, and returns True or False.
"""

from lora_edu.checks.by_hand import dropout_backward
from lora_edu.checks.divide_by_r import flat_scale
from lora_edu.checks.first_r import first_r_settings
from lora_edu.checks.hundred_steps import adamw_step
from lora_edu.checks.in_peft import converted_adapter
from lora_edu.checks.invariance import equivalent_adamw
from lora_edu.checks.low_rank import best_approximation, trainable_parameters
from lora_edu.checks.rotated_digits import undo_change
from lora_edu.checks.small_gpt import adapted_attention
from lora_edu.checks.step_size import same_first_step
from lora_edu.checks.step_zero import three_factor_gradients
from lora_edu.checks.the_layer import embedding_forward
from lora_edu.checks.which_zero import undo_wide_draw

__all__ = ["adamw_step", "adapted_attention", "best_approximation", "converted_adapter",
           "dropout_backward", "embedding_forward", "equivalent_adamw", "first_r_settings",
           "flat_scale", "same_first_step", "three_factor_gradients", "trainable_parameters",
           "undo_change", "undo_wide_draw"]
