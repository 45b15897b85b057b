"""On pages whose plots show A, B and ΔW, the text writes them in their colours.

In formulas these are the letters A and B, with their gradients, and ΔW; in words
the gradients and ΔW alone, for "A" may begin a sentence. The colours are in book.css: those of the
curves, darker on light ground and lighter on dark. Links, headings, code and what changes while a
reader moves a slider stay as they are.
"""

import re

PAGES = {"book/index", "book/dashboard", "book/glossary", "book/part1/step-zero",
         "book/part1/hundred-steps", "book/part2/invariance"}
NAMES = {"A": "A", "B": "B", "∇A": "A", "∇B": "B", "ΔW": "delta"}
LETTER = '<span class="mord mathnormal"(?: style="[^"]*")?>'
FOUND = re.compile(
    # what is left alone, whole, and every other tag but those of a letter
    r'(?P<left><(script|style|pre|code|a|h[1-6]|text|math|button|label)\b.*?</\2>'
    r'|<p class="(?:explorer-headline|admonition-title)[" ].*?</p>)'
    rf'|<span class="mord">(?P<sign>[∇Δ])</span>(?:<span class="mord">)?'
    rf'{LETTER}(?P<signed>[ABW])</span>'
    rf'|{LETTER}(?P<letter>[AB])</span>'
    r'|(?P<tag><[^>]*>)|‖(?P<norm>∇A|∇B|ΔW)‖|(?P<word>∇A|∇B|ΔW)', re.DOTALL)


def colour_symbols(app, pagename, templatename, context, doctree) -> None:
    if pagename in PAGES and "body" in context:
        context["body"] = coloured(context["body"])


def coloured(html: str) -> str:
    """The HTML of a page with a class "of-A", "of-B" or "of-delta" on each symbol.

    >>> coloured("<p>‖∇A‖ is 0</p>")
    '<p><span class="of-A">‖∇A‖</span> is 0</p>'
    """
    return FOUND.sub(_replace, html)


def _replace(match: re.Match) -> str:
    whole, part = match[0], match.groupdict()
    name = part["letter"] or part["norm"] or part["word"] or (
        part["sign"] and part["sign"] + part["signed"])
    if name not in NAMES:
        return whole
    mark = f"of-{NAMES[name]}"
    if part["norm"] or part["word"]:
        return f'<span class="{mark}">{whole}</span>'
    return (whole.replace('<span class="mord">' + (part["sign"] or "\0"),
                          f'<span class="mord {mark}">{part["sign"]}')
            .replace('class="mord mathnormal', f'class="mord mathnormal {mark}'))
