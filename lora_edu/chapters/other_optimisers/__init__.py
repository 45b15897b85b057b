"""The code behind the laboratory's note *Every optimiser*, on Muon's best rates."""
