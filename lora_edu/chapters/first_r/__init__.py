"""The code behind the chapter *The first r you try*."""
