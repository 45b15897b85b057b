"""The code behind the laboratory's note *Every optimiser*."""
