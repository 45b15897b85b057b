"""The code behind the page *Section 4.1 in thirty minutes*."""
