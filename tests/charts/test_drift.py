import pytest

from charts import fleets
from jupyter_mlops.charts import drift
from jupyter_mlops.errors import NotFound
from jupyter_mlops.locale import language


def bars(chart):
    return fleets.drawn(chart, "psi")


def test_the_feature_that_moved_furthest_comes_first():
    names = [row["name"] for row in bars(drift.moved(fleets.drift("x", moved=2)))]
    assert names[:2] == ["income", "age"]


def test_each_status_has_a_sign_of_its_own():
    signs = {row["status"]: row["sign"] for row in bars(drift.moved(fleets.drift("x", moved=2)))}
    assert signs == {"failing": "■", "warning": "▲", "passing": "●", "unknown": "○"}


def test_both_shares_of_a_feature_add_up_to_one():
    rows = fleets.drawn(drift.feature(fleets.drift("x"), "income"), "bin")
    assert sum(row["reference"] for row in rows) == pytest.approx(1)
    assert sum(row["current"] for row in rows) == pytest.approx(1)


def test_an_unknown_feature_is_refused_with_those_there_are():
    with pytest.raises(NotFound, match="income"):
        drift.feature(fleets.drift("x"), "incme")


def test_levels_that_look_alike_once_shortened_stay_apart():
    data = fleets.drift("x", features=("region", "age", "plan"))
    data["items"][2] |= {"bins": ["y" * 40 + "a", "y" * 40 + "b"], "reference": [1, 2]}
    data["items"][2]["current"] = [2, 1]
    rows = fleets.drawn(drift.feature(data, "plan"), "bin")
    assert len({row["bin"] for row in rows}) == 2


def test_a_japanese_reader_gets_a_japanese_date():
    from jupyter_mlops.charts import theme

    with language("ja"):
        assert theme.days()["format"] == "%-m/%-d"
