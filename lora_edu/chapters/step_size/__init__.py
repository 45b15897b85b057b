"""The code behind the chapter *α is a step size*."""
