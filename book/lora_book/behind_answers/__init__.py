"""Small runs behind the answers."""
