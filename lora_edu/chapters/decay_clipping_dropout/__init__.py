"""The code behind the laboratory's note *The invariance in full*, on decay and clipping."""
