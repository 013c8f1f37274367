"""What the answers depend on, at registration and since, from labelled rows."""

import numpy as np
import pytest

from fakes import Clock
from jupyter_mlops import charts
from jupyter_mlops.commands.answers import Answer
from jupyter_mlops.commands.words import verbs
from jupyter_mlops.services import weighed
from jupyter_mlops.services.checks import check
from jupyter_mlops.services.drift import drift
from jupyter_mlops.services.scoring import receive_actuals
from jupyter_mlops.stats.importance import of_rows
from traffic import afresh, an_hour, live, people


@pytest.fixture(scope="module")
def made(shared_where):
    """A deployment without a server, whose version was checked."""
    ws = live(shared_where, Clock())
    check(ws, "churn:1")
    yield ws
    ws.engine.dispose()


@pytest.fixture
def ws(made):
    """The deployment without traffic."""
    afresh(made)
    return made


def labelled(ws, count, seed, *, by=("age", "income")):
    """Let people ask for an hour, and tell of each what really happened, as some features have it."""
    rows = people(count, seed)
    noise = np.random.default_rng(seed + 100).normal(size=count)
    truth = (sum(rows[name] for name in by) + noise > 0).astype(int)
    names = an_hour(ws, rows)
    told = [{"id": name, "value": str(value)} for name, value in zip(names, truth, strict=True)]
    receive_actuals(ws, "shop", told)


def importance(ws, **more):
    found = drift(ws, "shop", by="hour", since="3h", importance=True, **more)["weighed"]
    return found, {one["feature"]: one for one in found["features"]}


def test_importance_at_registration_and_since(ws):
    labelled(ws, 900, 1)
    labelled(ws, 900, 2, by=("income",))
    found, features = importance(ws)
    periods = [(period["labelled"], period["rows"]) for period in found["periods"]]
    assert [period for period in periods if period[0]] == [(900, 900), (900, 900)]
    then, now = (
        {name: one["now"][at] for name, one in features.items()}
        for at, period in enumerate(found["periods"])
        if period["rows"]
    )
    for name in ("age", "income"):
        assert features[name]["before"] > 0.1
        assert then[name]["low"] > 0.1
    assert then["tenure"]["low"] < 0.02
    # Age means nothing any more: to believe it does harm, so shuffling it costs less than it did.
    assert now["age"]["high"] < then["age"]["low"]
    assert now["income"]["low"] > 0.1
    assert found["because"] in {
        "Answers depend most on income; at registration on age, income.",
        "Answers depend most on income; at registration on income, age.",
    }


def test_where_nothing_is_true_any_more_no_feature_is_named(ws):
    labelled(ws, 900, 1, by=())
    found, _ = importance(ws)
    assert found["because"] == "Answers depend on no feature more than chance would have it."


def test_lines_that_end_together_are_named_together(ws):
    labelled(ws, 900, 1)
    told = drift(ws, "shop", by="hour", since="3h", importance=True)
    named = [
        row["named"]
        for rows in charts.picture("drift", told).to_dict()["datasets"].values()
        for row in rows
        if "named" in row
    ]
    assert any({"tenure", "visits"} <= set(name.split(", ")) for name in named)
    assert len(named) == len(set(named)) < len(told["weighed"]["features"])


def test_few_labels_are_unknown_and_it_says_so(ws):
    labelled(ws, weighed.FEWEST_ROWS - 1, 1)
    found, features = importance(ws)
    assert found["because"] == (
        "No period has 100 labelled rows: importance since registration is unknown."
    )
    assert {one["value"] for row in features.values() for one in row["now"]} == {None}
    assert features["age"]["before"] > 0.1


def test_a_segment_text_and_picture(ws):
    labelled(ws, 900, 3)
    told = drift(ws, "shop", by="hour", since="3h", importance=True, segment="plan=pro")
    looked = [p["rows"] for p in told["weighed"]["periods"] if p["rows"]]
    assert 200 < looked[0] < 400
    shown = Answer(verbs()["drift"], told)
    assert "Answers depend most on" in shown.line
    assert repr(shown).splitlines()[2].split()[:3] == ["feature", "reference", "now"]
    assert "Dashed: at registration." in charts.picture("drift", told).to_json()


def test_the_interval_holds_what_more_rows_would_show():
    held = 0
    for seed in range(200):
        rows = np.random.default_rng(seed)
        x, z = rows.normal(size=400), rows.normal(size=400)
        found = of_rows(lambda told: told["x"], {"x": x, "z": z}, x, losses=lambda y, s: (y - s) ** 2,
                        seed=1_000 + seed)  # fmt: skip
        assert found["z"].value == 0
        held += found["x"].low <= 2.0 <= found["x"].high
    assert 0.91 <= held / 200 <= 0.99
