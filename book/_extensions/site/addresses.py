"""What needs the address of the repository or of the site, and only then: no button is ever dead.

LORA_EDU_REPOSITORY  the repository, on GitHub or GitLab, such as https://github.com/owner/name
LORA_EDU_BRANCH      its branch; without it there are no buttons to edit a page or see its source
LORA_EDU_SITE        where the built pages are served; for addresses in the pages themselves
"""

import io
import os
from contextlib import redirect_stdout
from urllib.parse import urlsplit

from docutils import nodes

NO_CHAPTERS = ["search.html", "404.html"]
PICTURE = "word.png"  # what a shared link shows, of any page; build.py copies it
PICTURE_ALT = "A, B and their product as coloured cells: the word LoRA, learned in thirty steps"


def setup(app) -> None:
    app.lora_repository = os.environ.get("LORA_EDU_REPOSITORY", "").rstrip("/")
    site = os.environ.get("LORA_EDU_SITE", "").rstrip("/")
    app.lora_site = site and f"{site}/"
    if app.lora_site:
        app.setup_extension("sphinx_sitemap")
        with redirect_stdout(io.StringIO()):  # it says that it will draw no cards: nobody asked
            app.setup_extension("sphinxext.opengraph")


def set_options(app, config) -> None:
    """Settings of the theme and of the extensions. (No Colab button: Colab reads only notebooks
    that lie in a repository; ours are made by the build, and offered as downloads.)"""
    if app.lora_repository:
        app.tags.add("launch_buttons")  # for what a page says of them
        branch = os.environ.get("LORA_EDU_BRANCH", "")
        config.html_theme_options |= {
            "repository_url": app.lora_repository, "use_repository_button": True,
            "repository_branch": branch or "HEAD", "path_to_docs": "",
            "use_edit_page_button": bool(branch), "use_source_button": bool(branch),
            "launch_buttons": {"binderhub_url": "https://mybinder.org",
                               "notebook_interface": "jupyterlab"}}
        config.html_context["report"] = report_address(app.lora_repository)
    if app.lora_site:
        config.html_baseurl = config.ogp_site_url = app.lora_site
        config.ogp_site_name = config.html_title
        config.ogp_type = "article"
        config.ogp_image = f"_static/{PICTURE}"
        config.ogp_image_alt = PICTURE_ALT
        config.ogp_custom_meta_tags = ['<meta name="twitter:card" content="summary_large_image" />']
        config.ogp_social_cards = {"enable": False}  # they need matplotlib
        config.sitemap_url_scheme = "{link}"
        config.sitemap_excludes = NO_CHAPTERS


def report_address(repository: str) -> str:
    """Where a reader reports a mistake; the name of the page is its title."""
    is_gitlab = "gitlab" in urlsplit(repository).netloc
    new = "-/issues/new?issue[title]=" if is_gitlab else "issues/new?title="
    return f"{repository}/{new}"


def add_meta(app, pagename, templatename, context, doctree) -> None:
    """A shared link shows the page's own description; 404.html knows its folder on the host, for it
    is served at any address."""
    if pagename == "404":
        context["site_prefix"] = urlsplit(app.lora_site).path or "/"
        context["pageurl"] = None
    for node in doctree.findall(nodes.meta) if app.lora_site and doctree is not None else ():
        if node.get("name") == "description":
            context["meta"] = (context.get("meta") or {}) | {"og:description": node["content"]}
