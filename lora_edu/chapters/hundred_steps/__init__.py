"""The code behind the chapter *The first hundred steps*."""
