"""The code behind the pages of *LoRA, from scratch*: a folder a page, and what they share."""
