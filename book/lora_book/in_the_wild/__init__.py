"""In the wild: what LoRA files and settings in public repositories hold."""
