"""What LoRA files hold, in NumPy and text alone: names, settings, layouts, what settings mean."""
