"""llms.txt: what programs read first, the list of all pages with what each is about."""

import re
from pathlib import Path

import yaml

FRONT = re.compile(r"---\n(.*?)\n---\n", re.DOTALL)


def write(app) -> None:
    """Write llms.txt, with the pages in the order of the table of contents."""
    home, *others = app.env.collect_relations()
    lines = [f"# {title(app, home)}", "", f"> {description(app, home)}", ""]
    for page in (home, *others):
        address = f"{app.lora_site}{page}.html"
        lines.append(f"- [{title(app, page)}]({address}): {description(app, page)}")
    Path(app.outdir, "llms.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def title(app, page: str) -> str:
    return app.env.titles[page].astext()


def description(app, page: str) -> str:
    """What a page says of itself in its front matter."""
    front = FRONT.match(Path(app.env.doc2path(page)).read_text(encoding="utf-8"))
    settings = yaml.safe_load(front[1]) if front else {}
    meta = settings.get("myst", {}).get("html_meta", {})
    return meta.get("description", "").strip()
