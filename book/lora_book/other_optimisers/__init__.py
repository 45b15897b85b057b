"""The code behind the note *Every optimiser*, on Muon's best rates."""
