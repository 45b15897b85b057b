"""Your settings: what they mean in each tool, and the same run in another."""
