"""The code behind the chapter *The layer*."""
