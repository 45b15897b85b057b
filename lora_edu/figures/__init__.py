"""Figure functions: values in, plotly Figure out, one module for a family of figures.

Imports the NumPy core and plotly; no widgets. ``layout.meta["reading"]`` of each figure is the
sentence that says what it shows.
"""
