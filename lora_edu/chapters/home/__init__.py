"""The code behind the page *Home*."""
