"""The code behind the laboratory's page *Every optimiser*."""
