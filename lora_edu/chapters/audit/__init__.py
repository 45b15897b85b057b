"""The code behind the chapter *Audit the paper*."""
