"""Settings of each of Jupyter's programs that reads this folder: of nbconvert, and of the server.

A notebook that is converted to HTML shows an explorer's words and numbers. nbconvert would take the
widget, whose scripts come from third parties: without them, nothing would stand there. A page
to be read has neither the cell that says how to run the notebook nor links that move a slider.
"""

import re

LINK = re.compile(r"\[([^\[\]]*)\]\(#[\w-]+\?[^()\s]*\)")


def to_be_read(notebook, resources):
    notebook.cells = [cell for cell in notebook.cells if cell.get("id") != "run-all-cells"]
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = LINK.sub(r"\1", cell.source)
    return notebook, resources


c.HTMLExporter.preprocessors = [to_be_read]  # noqa: F821
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
