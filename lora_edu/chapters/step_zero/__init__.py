"""The code behind the chapter *Step zero*."""
