"""The code behind the chapter *A low-rank update*."""
