"""Numbers as words for readings, axes and sliders."""

SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def power(exponent: int) -> str:
    """``-3`` → "10⁻³"; 0 and 1 are "1" and "10"."""
    return {0: "1", 1: "10"}.get(exponent, "10" + str(exponent).translate(SUPERSCRIPTS))


def short(value: float) -> str:
    """As few digits as it takes: ``0.5`` → "0.5", ``1e-06`` → "10⁻⁶", ``2e-06`` → "2·10⁻⁶"."""
    text = f"{value:g}"
    if "e" not in text:
        return text
    mantissa, exponent = text.split("e")
    return ("" if mantissa == "1" else f"{mantissa}·") + power(int(exponent))


def number(value: float) -> str:
    """About three digits, for a sentence; zero is said to be exact."""
    if value == 0:
        return "0 exactly"
    if 1e-3 <= abs(value) < 999.5:
        return f"{value:.3g}"
    if 999.5 <= abs(value) < 1e6:
        return f"{value:,.0f}"
    mantissa, exponent = f"{value:.2e}".split("e")
    return f"{mantissa}·{power(int(exponent))}"


def signed(value: float) -> str:
    """Two digits with a sign that is as wide as a plus: ``-0.482`` → "−0.48"."""
    return f"{value:+.2f}".replace("-", "−")
