"""The code behind the chapter *Starts and traps*."""
