"""The style of the list of sources: a title leads to its source, and no address is printed."""

from pybtex.plugin import register_plugin
from pybtex.style.formatting import plain
from pybtex.style.template import field, href, join, optional, sentence

NAME = "linked_titles"  # in _config.yml


class LinkedTitles(plain.Style):
    def format_title(self, e, which_field, as_sentence=True):
        title = super().format_title(e, which_field, as_sentence=False)
        if "url" in e.fields:
            title = href(field("url", raw=True))[title]
        return sentence[title] if as_sentence else title

    def format_url(self, e):
        return optional[join[""]]


def setup() -> None:
    register_plugin("pybtex.style.formatting", NAME, LinkedTitles)
