"""Formulas rendered while building, with KaTeX, where Node and its files are there."""

import re
from html.entities import html5

from ..node import node_binary


def setup(app) -> None:
    """Set KaTeX up if it can run."""
    if not app.npm:
        return
    from sphinxcontrib import katex

    katex.NODEJS_BINARY = node_binary()
    katex.KATEX_DEFAULT_OPTIONS["throwOnError"] = True  # a bad formula fails the build
    start = katex.KaTeXServer.start

    def start_patiently():
        for _ in range(4):  # the server now and then loses a race while it starts
            try:
                return start()
            except (OSError, katex.KaTeXError) as error:
                last = error
        raise last

    katex.KaTeXServer.start = start_patiently
    app.setup_extension("sphinxcontrib.katex")


def use_katex(app, config) -> None:
    if app.npm:
        config.html_math_renderer = "katex"
        config.katex_prerender = True
        config.katex_css_path = "katex/katex.min.css"


SIGNS = {"sqrt": "√", "cdot": "·", "to": "→", "infty": "∞", "ldots": "…", "dots": "…", "neq": "≠",
         "|": "‖", "lVert": "‖", "rVert": "‖",  # that HTML calls otherwise than TeX
         "hat": " hat ", "bar": " bar ", "partial": "∂", "star": "⋆"}
LOWERED = str.maketrans("0123456789+-⋆aehijklmnoprstuvx", "₀₁₂₃₄₅₆₇₈₉₊₋⋆ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ")
RAISED = str.maketrans("0123456789+-⋆⊤jkn", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻*ᵀʲᵏⁿ")
LOOKS = {"left", "right", "mathrm", "text", "operatorname", "mathbf", "mathbb", "big",
         "bigl", "bigr", "quad", "qquad", "textstyle"}
ARGUMENT = r"\{(?:[^{}]|\{[^{}]*\})*\}|\\[a-z]+ ?|\w"


def in_words(tex: str) -> str:
    """A formula as one writes it in a line.

    >>> in_words(r"\\Delta W = \\frac{\\alpha}{r} BA")
    'ΔW = α/r BA'
    >>> in_words(r"\\tfrac12\\hat L")
    '1/2 hat L'
    >>> in_words(r"W_0 + s^2 B^\\top \\ge \\eta_A\\,\\partial L")
    'W₀ + s² Bᵀ ≥ η_A∂L'
    """
    def sign(command: re.Match) -> str:
        name = command[1]
        if name in SIGNS:
            return SIGNS[name]
        if name in LOOKS or not name.isalpha():
            return ""
        return html5.get(f"{name};", name)

    def small(index: re.Match) -> str:
        letters = LOWERED if index[1] == "_" else RAISED
        text = index[2].strip("{}")
        has_all = set(map(ord, text)) <= set(letters)
        return text.translate(letters) if has_all else index[0]

    words = re.sub(rf"\\[dt]?frac ?({ARGUMENT})({ARGUMENT})", r"\1/\2", tex)
    words = re.sub(r"\\([A-Za-z]+|.) ?", sign, words)
    words = re.sub(r"([_^])([^{])", small, words)
    words = re.sub(r"([_^])(\{[^{}]*\})", small, words)
    words = re.sub(" ?([≥≤≈∝→≠∈]) ?", r" \1 ", words)
    return " ".join(re.sub(r"[{}~]", "", words).split())
