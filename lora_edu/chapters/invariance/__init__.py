"""The code behind the chapter *The Adam invariance*."""
