"""What is changed in a finished page, and that all else stays as it was written."""

import pytest

from book._extensions.site.finish import AsWritten, as_tree, finish

PAGE = ('<html data-theme="auto"><body><dialog id="pst-primary-sidebar-modal"></dialog>'
        '<div class="bar" id="pst-primary-sidebar">{sidebar}</div><article>{article}</article>'
        "</body></html>")
MATH = '<span class="math"><math><semantics><mrow><mi>r</mi></mrow><annotation>{}</annotation>' \
       "</semantics></math></span>"


def finished(article="", sidebar=""):
    page = as_tree(PAGE.format(article=article, sidebar=sidebar))
    finish(page)
    return page


@pytest.mark.parametrize(("before", "after"), [
    ('<i class="fas fa-sun"></i>', '<i class="fas fa-sun" aria-hidden="true"></i>'),
    ('<pre><span class="n">a</span> <span class="k">in</span></pre>',
     '<pre>a <span class="k">in</span></pre>'),
    ('<th class="head stub"><p></p></th>', "<td></td>"),
    (f"<p>{MATH.format('r')}</p>", '<p><span class="math"><math><mi>r</mi></math></span></p>'),
    (f'<th class="head"><p>{MATH.format(chr(92) + "alpha r")}</p></th>',
     '<th class="head"><p><span class="math"><math aria-label="αr"><mi>r</mi></math></span></p>'
     "</th>"),
    ('<a class="reference" href="#x">by <b>x</b></a>', None),
    ('<script src="a.js"></script>', '<script src="a.js" defer=""></script>'),
    ('<script type="module">DOCUMENTATION_OPTIONS.a = 1 < 2;</script>', ""),
    ("<svg><text><tspan>a</tspan>   <tspan>b</tspan></text></svg>", None),
    ("<script>let a = 1 < 2;</script>", None)])
def test_an_element_is_mended(before, after):
    written = finished(before).article.decode_contents(formatter=AsWritten())
    assert written == (before if after is None else after)


def test_the_sidebar_has_a_name_and_a_fold_for_each_part():
    page = finished(sidebar="".join(
        f'<p class="caption" role="heading"><span>{part}</span></p><ul class="{kind}nav"></ul>'
        for part, kind in (("I", ""), ("II", "current "))))
    assert [(fold.summary.string, fold.has_attr("open")) for fold in page("details")] == [
        ("I", False), ("II", True)]
    assert page.find(role="region")["aria-label"] == page.dialog["aria-label"] == "Chapters"
