"""The code behind the laboratory's page *Muon and the rank*."""
