"""On language models: what published sweeps of others say about the book's central rule."""
