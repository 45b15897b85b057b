"""Sphinx extension: what needs the address of the repository or of the site, and only then.

Imports Sphinx, docutils, and the extensions sphinx-sitemap and sphinxext-opengraph. Where an
address is unknown, what needs it is left out: no button is ever dead.

LORA_EDU_REPOSITORY  the repository; else the git remote "origin" where that is on a public host
                     (empty: none, whatever git says)
LORA_EDU_BRANCH      its branch; else the remote's default branch
LORA_EDU_SITE        where the built pages are served; for addresses in the pages themselves
"""

from __future__ import annotations

import io
import os
import re
import subprocess
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from docutils import nodes

HTTPS = re.compile(r"https://(?:[^@/]*@)?([\w.-]+)/(.+)")
SSH = re.compile(r"(?:ssh://)?[\w.-]+@([\w.-]+)(?::\d+/|:|/)(.+)")
PRIVATE = re.compile(r"[^.]+|[\d.]+|.*\.(?:local|localdomain|localhost|internal|lan|home|test)")
HOSTS = ("github.com", "gitlab.com")  # whose pages and place on Binder the theme knows
NO_CHAPTERS = ["search.html", "404.html"]
PICTURE = "matrices.png"  # what a shared link shows, of any page; sharing.py copies it
PICTURE_ALT = "W₀ and its LoRA update B·A as blocks of coloured cells after two training steps"


@dataclass(frozen=True)
class Repository:
    """A repository on a public host. ``branch`` is None where it is not known."""

    url: str
    branch: str | None = None

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname


def public_address(text: str) -> str | None:
    """The https address of a git remote, without user and ".git"; None if it is not on a public
    host: a path, a machine of a local network."""
    found = HTTPS.fullmatch(text.strip()) or SSH.fullmatch(text.strip())
    if not found or PRIVATE.fullmatch(found[1].lower()):
        return None
    path = found[2].strip("/").removesuffix(".git")
    named = re.fullmatch(r"[\w.~-]+(/[\w.~-]+)+", path)
    return f"https://{found[1].lower()}/{path}" if named else None


def git(folder: Path, *command: str) -> str:
    """What git says about the repository whose top is ``folder``; empty if it says nothing."""
    if not (folder / ".git").exists():
        return ""
    try:
        done = subprocess.run(["git", "-C", folder, *command], capture_output=True, text=True)
    except FileNotFoundError:  # no git on this machine
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def find_repository(folder: Path, environ=os.environ) -> Repository | None:
    """The repository, from the environment or from git. Raises ValueError for a bad address."""
    given = environ.get("LORA_EDU_REPOSITORY")
    url = public_address(git(folder, "remote", "get-url", "origin") if given is None else given)
    if given and not url:
        raise ValueError(f"LORA_EDU_REPOSITORY is {given!r}; give an https or ssh address on a "
                         "public host, such as https://github.com/owner/name, or leave it empty")
    if not url:
        return None
    default = git(folder, "symbolic-ref", "--short", "refs/remotes/origin/HEAD")
    branch = environ.get("LORA_EDU_BRANCH") or (
        default.removeprefix("origin/") if given is None else "")
    return Repository(url, branch or None)


def find_site(environ=os.environ) -> str:
    """The site's address, ending in a slash; empty if unknown. Raises ValueError for a bad one."""
    given = environ.get("LORA_EDU_SITE", "")
    if given and not re.fullmatch(r"https?://[^/?#\s]+(/[^?#\s]*)?", given):
        raise ValueError(f"LORA_EDU_SITE is {given!r}; give an address such as "
                         "https://example.org/book/, or leave it empty")
    return given.rstrip("/") + "/" if given else ""


def setup(app):
    app.lora_repository, app.lora_site = find_repository(Path(app.confdir)), find_site()
    if app.lora_site:
        app.setup_extension("sphinx_sitemap")
        with redirect_stdout(io.StringIO()):  # it says that it will draw no cards: nobody asked
            app.setup_extension("sphinxext.opengraph")
        app.connect("html-page-context", describe, priority=400)
    app.connect("config-inited", use_addresses, priority=800)
    app.connect("html-page-context", tell_prefix)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def use_addresses(app, config) -> None:
    """Settings of the theme and of the extensions. (No Colab button: Colab reads only notebooks
    that lie in a repository; ours are made by the build, and offered as downloads.)"""
    if app.lora_repository and app.lora_repository.host in HOSTS:
        branch = app.lora_repository.branch
        config.html_theme_options |= {
            "repository_url": app.lora_repository.url, "use_repository_button": True,
            "repository_branch": branch or "HEAD", "path_to_docs": "",
            "use_edit_page_button": branch is not None, "use_source_button": branch is not None}
        if app.lora_repository.url.count("/") == 4:  # in a group's group the theme gets it wrong
            config.html_theme_options["launch_buttons"] = {
                "binderhub_url": "https://mybinder.org", "notebook_interface": "jupyterlab"}
    if app.lora_site:
        config.html_baseurl = config.ogp_site_url = app.lora_site
        config.ogp_site_name, config.ogp_type = config.html_title, "article"
        config.ogp_image, config.ogp_image_alt = f"_static/{PICTURE}", PICTURE_ALT
        config.ogp_custom_meta_tags = ['<meta name="twitter:card" content="summary_large_image" />']
        config.ogp_social_cards = {"enable": False}  # they need matplotlib
        config.sitemap_url_scheme, config.sitemap_excludes = "{link}", NO_CHAPTERS


def tell_prefix(app, pagename, templatename, context, doctree) -> None:
    """The site's folder on its host, for the page that is served at any address."""
    if pagename == "404":
        context["site_prefix"], context["pageurl"] = urlsplit(app.lora_site).path or "/", None


def describe(app, pagename, templatename, context, doctree) -> None:
    """A shared link shows the page's own description."""
    for node in doctree.findall(nodes.meta) if doctree is not None else ():
        if node.get("name") == "description":
            context["meta"] = (context.get("meta") or {}) | {"og:description": node["content"]}
