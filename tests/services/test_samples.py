"""What only rows tell: features that moved together, and the segment in which a shift sits."""

import numpy as np
import pytest

from jupyter_mlops import charts
from jupyter_mlops.commands.showing import as_html, as_text
from jupyter_mlops.errors import NotFound, Refused
from jupyter_mlops.services import drift, samples
from jupyter_mlops.services.champions import champion
from jupyter_mlops.services.watching import watched
from jupyter_mlops.services.window import window
from jupyter_mlops.services.workspace import open_local
from traffic import an_hour, live, people
from watched import deployed, written
from watched import people as buyers


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A shop whose customers on the plan *pro* have earned more since today, and nobody else."""
    from fakes import Clock

    folder = tmp_path_factory.mktemp("shop")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_MLOPS_WORKSPACE", str(folder / "w"))
        ws = live(str(folder / "w"), Clock())
        rows = people(1_500, 5)
        rows.loc[rows["plan"] == "pro", "income"] += 1.5
        an_hour(ws, rows, times=3)
        yield ws
        ws.engine.dispose()


def test_a_shift_that_sits_in_one_segment_is_found_there(shop):
    told = drift.drift(shop, "shop", since="1d", explain="income")["explained"]
    best = told["attributes"][0]
    assert (best["attribute"], best["parts"][0]["segment"], told["stands_out"]) == (
        "plan",
        "pro",
        True,
    )
    assert best["parts"][0]["share"] > 0.8
    for one in told["attributes"]:
        assert sum(part["psi"] for part in one["parts"]) == pytest.approx(told["psi"], rel=0.1)
        assert sum(part["share"] for part in one["parts"]) == pytest.approx(1)
    assert told["because"].startswith("plan pro explains")


def test_the_answers_are_explained_by_asking_the_version_about_its_sample(shop):
    told = drift.drift(shop, "shop", since="1d", explain="prediction")["explained"]
    assert (told["of"], told["n_reference"], told["n_current"]) == ("answers", 1_000, 1_500)


def test_what_moved_nowhere_in_particular_is_said_to(shop):
    told = drift.drift(shop, "shop", since="1d", explain="tenure")["explained"]
    assert not told["stands_out"]
    assert told["because"].startswith("No segment explains")


def test_all_features_at_once_name_the_one_that_moved(shop):
    found = drift.drift(shop, "shop", since="1d", together=True)
    told = found["together"]
    assert told["differ"]
    assert told["auc"]["low"] > 0.55
    assert told["p_value"] < 1e-6
    assert {one["feature"] for one in told["drivers"][:2]} == {"income", "plan"}
    assert drift.drift(shop, "shop", since="1d", together=True) == found


def test_rows_of_the_same_kind_are_not_told_apart(shop):
    told = drift.drift(
        shop, "shop", since="1d", together=True, segment="visits>0", reference="visits<=0"
    )["together"]
    assert told["differ"]  # by the feature that parts them
    told = drift.drift(shop, "shop", since="1d", together=True, reference="churn:1")["together"]
    assert not told["differ"]


def test_both_are_shown_in_text_html_and_pictures(shop):
    told = drift.drift(shop, "shop", since="1d", explain="income", together=True)
    text = as_text("drift", told)
    assert "plan pro explains" in text
    assert "Rows can be told from the reference" in text
    assert "plan" in as_html("drift", told)
    assert len(charts.picture("drift", told).to_dict()["vconcat"]) == 2


def test_a_feature_nobody_knows_is_refused_with_what_was_meant(shop):
    with pytest.raises(NotFound, match="did you mean income"):
        drift.drift(shop, "shop", since="1d", explain="incme")


def test_a_version_without_a_sample_says_what_would_help(where, clock):
    ws = open_local(where, clock=clock)
    deployed(ws)
    with pytest.raises(Refused, match="reference 30d"):
        drift.drift(ws, "shop", together=True)
    assert drift.drift(ws, "shop", together=True, reference="30d")["together"]["differ"] is None
    ws.engine.dispose()


def test_a_sample_is_bounded_and_the_same_each_time(where, clock, monkeypatch):
    ws = open_local(where, clock=clock)
    deployed(ws)
    noon = ws.clock()
    written(ws, [(buyers(300, day), noon) for day in range(4)])
    watched(ws)
    monkeypatch.setattr(samples, "MOST", 500)
    span = window(ws, "7d", None)
    serving = champion(ws, "shop")
    one, other = (samples.now(ws, serving, span) for _ in range(2))
    assert (one.rows, one.of) == (500, 1_200)
    assert np.array_equal(one.features["age"], other.features["age"], equal_nan=True)
    assert set(one.features["region"]) == {"EU", "US"}
    ws.engine.dispose()
