"""The code behind the chapter *Rotated digits*."""
