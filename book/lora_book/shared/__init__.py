"""What several chapters use: one look for figures, verdicts, digits, a small network."""
