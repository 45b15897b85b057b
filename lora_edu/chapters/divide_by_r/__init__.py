"""The code behind the chapter *Why divide by r*."""
