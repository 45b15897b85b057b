"""Questions that a reader answers in the page, with a word on each wrong answer.

A question is plain MyST, which also reads well without this extension: a paragraph, a numbered list
of choices, and a folded answer with a reason or a mistake for each choice, by the same numbers.

    Which matrix moves first?

    1. A.
    2. B.

    :::{dropdown} Answer
    1. Its gradient holds B, which is zero.
    2. **Right.** Its gradient holds A, which is not.
    :::

On the page the choices become radio buttons; without scripts the answer unfolds, as an answer
without reasons does always. An admonition of the class ``covers-NAME`` covers the explorer or
instrument NAME until the questions in it are answered, or the reader asks to see it. Links after a
→ in the right answer's reason follow each wrong one's.
"""

import hashlib

from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging

from lora_edu.explore.sphinx_ext import explorers_by_page

from . import instruments

RIGHT = "Right."
logger = logging.getLogger(__name__)


class Tag(nodes.General, nodes.TextElement):
    """An HTML element: its name in ``tag``, its attributes in ``html_attributes``."""


def tag(element: str, /, *children: nodes.Node, **attributes: str) -> Tag:
    """An HTML element; underscores in the names of attributes become dashes."""
    attributes = {key.strip("_").replace("_", "-"): value for key, value in attributes.items()}
    return Tag("", "", *children, tag=element, html_attributes=attributes)


def visit(writer, node: Tag) -> None:
    writer.body.append(writer.starttag(node, node["tag"], "", **node["html_attributes"]))


def depart(writer, node: Tag) -> None:
    writer.body.append("" if node["tag"] == "input" else f"</{node['tag']}>")


class SelfChecks(SphinxPostTransform):
    """Make questions of the paragraphs and choices before the folded parts called Answer."""

    default_priority = 190  # references are resolved, dropdowns are not yet made
    formats = ("html",)

    def run(self, **kwargs) -> None:
        answers = [node for node in self.document.findall(nodes.container)
                   if node.get("design_component") == "dropdown" and node.children
                   and node[0].astext() == "Answer"]
        for answer in answers:
            make_question(answer)
        page = self.env.docname
        coverable = [*explorers_by_page(self.env).get(page, {}),
                     *instruments.names_by_page(self.env).get(page, [])]
        for box in self.document.findall(nodes.Admonition):
            for name in box["classes"]:
                if name.startswith("covers-") and name.removeprefix("covers-") not in coverable:
                    logger.warning("%s: no explorer of that name here, only %s", name,
                                   ", ".join(coverable) or "none", location=box)


def make_question(answer: nodes.container) -> None:
    """Change a folded answer with a numbered list of reasons, and the paragraph and the choices
    before it, into a self-check."""
    reasons = next((node for node in answer if isinstance(node, nodes.enumerated_list)), None)
    if reasons is None:
        return
    parent = answer.parent
    end = parent.index(answer)
    asked, choices = [None, None, *parent[:end]][-2:]
    right = [number for number, item in enumerate(reasons) if item.astext().startswith(RIGHT)]
    if (len(right) != 1 or not isinstance(asked, nodes.paragraph)
            or not isinstance(choices, nodes.enumerated_list) or len(choices) != len(reasons)
            or any([type(part) for part in item] != [nodes.paragraph] for item in choices)):
        logger.warning("a question needs a paragraph, then a numbered list of choices, a paragraph "
                       "each, then an answer with as many numbers, one of which begins with %r",
                       f"**{RIGHT}**", location=answer)
        return
    # A browser keeps answers by this key, so a question with a new text is asked again.
    key = hashlib.sha256(asked.astext().encode()).hexdigest()[:8]
    reasons["enumtype"] = "loweralpha"
    reasons["classes"].append("self-check-reasons")
    fieldset = tag("fieldset", tag("legend", *asked.children),
                   *(choice(item, number, key) for number, item in enumerate(choices)))
    check = tag("p", tag("button", nodes.Text("Check"), type="button"),
                class_="self-check-buttons d-print-none")
    verdict = tag("div", class_="self-check-said d-print-none", role="status")
    parent[end - 2:end + 1] = [tag("div", fieldset, check, verdict, answer, class_="self-check",
                                   data_key=key, data_right=str(right[0]))]


def choice(item: nodes.list_item, number: int, key: str) -> Tag:
    """A radio button with a letter and the text of a choice."""
    return tag("label", tag("input", type="radio", name=key, value=str(number)),
               tag("span", nodes.Text(f"{chr(97 + number)}.")), tag("span", *item[0].children))


def add_script(app, pagename, templatename, context, doctree) -> None:
    """The script, on the pages that have a self-check."""
    if doctree is not None and any(doctree.findall(Tag)):
        app.add_js_file("self_check.js", loading_method="defer")
