"""What *For teachers* says that a class will see is what the linked plots say."""

import pytest

from lora_book.divide_by_r.figures import darkrooms
from lora_book.first_r.figures import UPWARDS, dropped
from lora_book.language_models.figures import costs, valleys
from tests.lora_book.figure_words import reading


@pytest.mark.parametrize(("figure", "words"), [
    (darkrooms(64), "÷ 1: letters × 63, grain × 8.6"),
    (darkrooms(256), "÷ r: letters × 1,"),
    (darkrooms(256, "SGD"), "÷ √r: letters × 0.97,"),
    (dropped("fixed", ranks=UPWARDS), "stays best from r = 8 to 64"),
    (dropped("= r", ranks=UPWARDS), "the loss at r = 64 is 30 times its minimum"),
    (valleys("Qwen3-30B-A3B", "the smallest rank"),
     "r = 1 raises the loss by 0.0041 nats at r = 64"),
    (costs("16 → 64", 0), "the median cost is 0.0002 nats")])
def test_a_class_sees_what_its_teacher_is_told(figure, words):
    assert words in reading(figure)
