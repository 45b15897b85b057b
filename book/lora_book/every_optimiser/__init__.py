"""The code behind the note *Every optimiser*."""
