"""The README's example runs and prints what it says."""

import re
from pathlib import Path


def test_the_example_prints_what_its_comment_says(capsys):
    text = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    code = re.search(r"```python\n(.*?)```", text, re.DOTALL)[1]
    exec(code, {})
    said = re.search(r"# (\[.*?\])", code)[1]
    assert capsys.readouterr().out.strip() == said
