"""Links to a state of the instrument: what is wrong with one is said by the build."""

import pytest

from book._extensions.content.instruments import link_problem


@pytest.mark.parametrize(("query", "problem"), [
    ("r=8&start=both-zero&twin=4-alpha-rate", ""), ("show=adam", ""), ("was.alpha=4&alpha=16", ""),
    ("q=1", "no setting 'q', only target"), ("was.q=1", "no setting 'was.q'"),
    ("alpha=3", "alpha has no value '3', only 1, 2, 4"),
    ("start=zero", "start has no value 'zero', only a-random-b-zero"),
    ("rule=", "rule has no value '', only alpha-r, alpha-sqrt-r, alpha")])
def test_a_link_to_what_the_instrument_has_not_is_said(query, problem):
    assert link_problem(query).startswith(problem)
    assert bool(link_problem(query)) == bool(problem)
