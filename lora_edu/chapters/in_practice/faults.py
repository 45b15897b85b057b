"""What goes wrong with LoRA in practice: planted faults, by what the user sees.

Imports the siblings faults_training, faults_batches and faults_use.
"""

from lora_edu.chapters.in_practice.faults_batches import NAN, WRONG
from lora_edu.chapters.in_practice.faults_training import LESS, STILL
from lora_edu.chapters.in_practice.faults_use import USE

GROUPS = {
    "The loss stands still": STILL,
    "It learns, but less than it should": LESS,
    "The loss is NaN": NAN,
    "It has learned the wrong thing": WRONG,
    "In use it is another model": USE,
}
FAULTS = [fault for group in GROUPS.values() for fault in group]
