"""The bench runs, and its verdict follows its figures."""

from dataclasses import replace

from bench.onecode_offline import ISSUE_BOUND, VERIFY_BOUND, measure, report


def test_a_short_run_gives_figures_of_real_work() -> None:
    figures = measure(codes=3, rounds=2, repeats=2)
    assert figures.offline_verify > figures.bare_verify_pair > figures.bare_sign > 1
    assert 0.2 < figures.verify_ratio < 1
    assert 0.2 < figures.issue_ratio < 1
    assert f"{figures.verify_ratio:.3f}" in report(figures)


def test_a_ratio_below_its_bound_fails() -> None:
    good = replace(measure(3, 1, 1), verify_ratio=VERIFY_BOUND, issue_ratio=ISSUE_BOUND)
    assert good.within_bounds
    assert not replace(good, verify_ratio=VERIFY_BOUND - 0.001).within_bounds
    assert not replace(good, issue_ratio=ISSUE_BOUND - 0.001).within_bounds
