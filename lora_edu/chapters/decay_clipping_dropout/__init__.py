"""The code behind the laboratory's page *Decay, clipping, dropout*."""
