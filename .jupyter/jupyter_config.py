"""Settings of each of Jupyter's programs that reads this folder: of nbconvert, and of the server.

A notebook that is converted to HTML shows an explorer's words and numbers. nbconvert would take the
widget, whose scripts come from third parties: without them, nothing would stand there.
"""

c.WidgetsDataTypeFilter.display_data_priority = [  # noqa: F821
    "text/html",
    "application/vnd.jupyter.widget-view+json",
    "application/javascript",
    "text/markdown",
    "image/svg+xml",
    "text/latex",
    "image/png",
    "image/jpeg",
    "text/plain",
]
