"""The code behind the laboratory's note *Every optimiser*, on the best rates against the rank."""
