"""The LoRA paper's own numbers: what its models train.

What is printed is read from Hu et al. 2021, version 2.
"""

from lora_book.shared.models import SIZES

MODELS = {"RoBERTa base": SIZES["RoBERTa base"], "RoBERTa large": SIZES["RoBERTa large"],
          "DeBERTa XXL": SIZES["DeBERTa XXL"], "GPT-2 M": SIZES["GPT-2 medium"],
          "GPT-2 L": SIZES["GPT-2 large"], "GPT-3": SIZES["GPT-3"]}  # by the paper's names
PRINTED = {  # model: (matrices, r, trainable parameters as the paper prints them)
    "RoBERTa base": (("q, v", 8, 0.3e6),),  # Tables 2 and 9
    "RoBERTa large": (("q, v", 8, 0.8e6),),
    "DeBERTa XXL": (("q, v", 8, 4.7e6),),  # Tables 2 and 10
    "GPT-2 M": (("q, v", 4, 0.35e6),),  # Tables 3 and 11
    "GPT-2 L": (("q, v", 4, 0.77e6),),
    "GPT-3": (("v", 2, 4.7e6), ("q, v", 1, 4.7e6), ("q, v", 2, 9.4e6), ("q, v", 4, 18.8e6),
              ("q, v", 8, 37.7e6), ("q, v", 64, 301.9e6), ("q, k, v, o", 1, 9.4e6),
              ("q, k, v, o", 2, 18.8e6), ("q, k, v, o", 4, 37.7e6),
              ("q, k, v, o", 64, 603.8e6)),  # Table 15
}
