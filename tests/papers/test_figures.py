from datetime import UTC, datetime, timedelta

import pytest

from jupyter_mlops.locale import language
from jupyter_mlops.papers import figures


@pytest.mark.parametrize(
    ("n", "en", "ja"),
    [
        (0, "0", "0"),
        (9876, "9,876", "9,876"),
        (12_345, "12.3 k", "1.23万"),
        (1_240_000, "1.24 M", "124万"),
        (3_210_000_000, "3.21 bn", "32.1億"),
    ],
)
def test_counts_are_short_in_the_units_of_the_reader(n, en, ja):
    with language("en"):
        assert figures.count(n) == en
    with language("ja"):
        assert figures.count(n) == ja


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "–"),
        (0.8441, "0.844"),
        (0.9, "0.9"),
        (12.34, "12.3"),
        (123456.0, "123,456"),
        (0, "0"),
    ],
)
def test_a_measure_has_three_significant_figures(value, said):
    assert figures.measure(value) == said


def test_what_is_not_nothing_never_reads_as_nothing():
    assert figures.share(0.00002) == "< 0.1 %"
    assert figures.share(0.0) == "0.0 %"


def test_a_change_has_a_sign_beside_its_figure():
    assert figures.change(106, 100) == "▲ 6 %"
    assert figures.change(94, 100) == "▼ 6 %"
    assert figures.change(100, 100) == "─"
    assert figures.change(100, 0) == ""


def test_a_moment_names_its_zone():
    at = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)
    with language("en"):
        assert figures.moment(at) == "23 Nov 2026, 18:00 UTC"
    with language("ja"):
        assert figures.moment(at) == "2026年11月23日 18:00 UTC"


def test_long_lists_say_how_many_they_leave_out():
    with language("en"):
        assert figures.listed(list("abcde")) == "a, b, c and 2 more"
        assert figures.ago(timedelta(hours=5)) == "5 h ago"
