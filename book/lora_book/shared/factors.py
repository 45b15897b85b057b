"""A factor in words."""

def times(factor: float) -> str:
    """16 → "× 16", 0.25 → "÷ 4"."""
    return f"× {factor:.3g}" if factor > 0.999 else f"÷ {1 / factor:.3g}"
