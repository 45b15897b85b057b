"""A hat on a frozen portrait: what LoRA does, in one picture that follows its settings."""
