"""The code behind the chapter *The dashboard*."""
