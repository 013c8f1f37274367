"""A finding becomes an alert, is told once, is acknowledged, and ends by itself."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from jupyter_mlops import open_workspace
from jupyter_mlops.commands.live import Place
from jupyter_mlops.commands.parse import parse, split
from jupyter_mlops.commands.words import verbs
from jupyter_mlops.errors import NotFound, Refused
from jupyter_mlops.services.alerts import acknowledge, alerts, evaluate
from jupyter_mlops.services.audit import audit
from jupyter_mlops.services.overview import overview
from jupyter_mlops.services.watching import watched
from jupyter_mlops.services.workspace import open_local
from traffic import an_hour, people


def without(frame, name):
    """The same rows, with a column that nobody sends any more."""
    return frame.assign(**{name: None})


def test_a_feature_that_vanished_becomes_an_alert_is_acknowledged_and_ends(ws):
    for hour in range(3):
        an_hour(ws, people(200, hour))
    assert evaluate(ws, "shop").opened == 0
    assert alerts(ws)["items"] == []
    an_hour(ws, without(people(200, 9), "income"))
    assert evaluate(ws, "shop").opened == 1
    (found,) = alerts(ws)["items"]
    assert (found["part"], found["subject"], found["severity"]) == ("quality", "income", "critical")
    assert found["because"] == "income: 100.0% of the values are missing; it was 0.0%."
    assert found["causes"][0]["why"] == "vanished"
    assert found["next"] == "%mlops drift shop"
    told = acknowledge(ws, found["id"], comment="the feed is being mended")["items"][0]
    assert (told["state"], told["acknowledged_by"]) == ("acknowledged", "owner")
    an_hour(ws, without(people(200, 10), "income"))
    assert evaluate(ws, "shop").opened == 0
    (found,) = alerts(ws)["items"]
    assert (found["windows"], found["state"]) == (2, "acknowledged")
    an_hour(ws, people(200, 11))
    assert evaluate(ws, "shop").resolved == 0
    an_hour(ws, people(200, 12))
    assert evaluate(ws, "shop").resolved == 1
    assert alerts(ws)["items"] == []
    (ended,) = alerts(ws, state="all")["items"]
    assert ended["state"] == "resolved"
    events = [(e["action"], e["actor"]["id"]) for e in audit(ws, f"alert:{ended['id']}")["items"]]
    assert events == [
        ("alert:resolution:done", "watcher"),
        ("alert:acknowledgement:done", "owner"),
        ("alert:opening:done", "watcher"),
    ]


def test_looking_again_looks_at_nothing_twice(ws):
    an_hour(ws, without(people(200, 1), "income"))
    assert evaluate(ws, "shop").windows >= 1
    for _ in range(3):
        assert evaluate(ws, "shop").windows == 0
    (found,) = alerts(ws)["items"]
    assert found["windows"] == 1


def test_two_watchers_at_once_raise_one_alert(ws):
    an_hour(ws, without(people(200, 1), "income"))
    before = len(audit(ws, "alert:opening:done")["items"])
    others = [open_local(ws.home.url, clock=ws.clock) for _ in range(3)]
    with ThreadPoolExecutor() as pool:
        done = list(pool.map(lambda other: evaluate(other, "shop"), others))
    (found,) = alerts(ws)["items"]
    assert found["windows"] == 1
    assert all(one.windows <= 1 for one in done)
    assert len(audit(ws, "alert:opening:done")["items"]) == before + 1
    for other in others:
        other.engine.dispose()


def test_an_hour_with_few_rows_waits_for_the_next_one(ws):
    an_hour(ws, people(200, 3))
    evaluate(ws, "shop")
    an_hour(ws, without(people(20, 1), "income"))
    assert evaluate(ws, "shop").windows == 0
    an_hour(ws, without(people(20, 2), "income"))
    assert evaluate(ws, "shop").opened == 1


def test_features_that_move_at_once_are_one_alert(ws):
    an_hour(ws, people(400, 1, age=3, income=3, tenure=3, visits=3))
    evaluate(ws, "shop")
    found = [row for row in alerts(ws)["items"] if row["subject"] == "several features"]
    assert len(found) == 1
    assert found[0]["causes"][0]["why"] == "all_at_once"
    assert not any(row["subject"] == "age" for row in alerts(ws)["items"])


def test_an_open_alert_is_seen_first_of_all(ws):
    an_hour(ws, without(people(200, 1), "income"))
    evaluate(ws, "shop")
    number = alerts(ws)["items"][0]["id"]
    told = overview(ws)
    assert told["attention"][0]["subject"] == f"alert {number}: shop, income"
    assert told["attention"][0]["next"] == "%mlops drift shop"
    assert "Open alerts: 1." in told["headline"]
    acknowledge(ws, [number])
    assert overview(ws)["alerts"][0]["state"] == "acknowledged"


def test_an_alert_that_is_over_or_never_was_is_not_acknowledged(ws):
    with pytest.raises(NotFound):
        acknowledge(ws, "70000")
    with pytest.raises(NotFound):
        acknowledge(ws, "one")
    an_hour(ws, without(people(200, 1), "income"))
    for hour in range(2):
        an_hour(ws, people(200, 20 + hour))
    evaluate(ws, "shop")
    (over,) = alerts(ws, state="resolved")["items"]
    with pytest.raises(Refused) as refused:
        acknowledge(ws, str(over["id"]))
    assert refused.value.code == "alert_resolved"


def test_alerts_are_listed_as_they_stood_then(ws):
    an_hour(ws, without(people(200, 1), "income"))
    evaluate(ws, "shop")
    then = ws.now()
    ws.clock.turn(hours=1)
    acknowledge(ws, alerts(ws)["items"][0]["id"])
    assert alerts(ws, state="open")["items"] == []
    assert alerts(ws, state="open", as_of=then)["items"][0]["state"] == "open"
    assert alerts(ws, "shop", severity="critical", since="7d")["open"] == 0
    with pytest.raises(NotFound):
        alerts(ws, "shp")


def test_alerts_are_said_in_every_mouth(ws):
    an_hour(ws, without(people(200, 1), "income"))
    evaluate(ws, "shop")
    with open_workspace(ws.home.url) as session:
        assert "income" in repr(session.overview())
        number = session.alerts("shop")[0]["id"]
        assert session.acknowledge(number, comment="seen")[0]["comment"] == "seen"
        line = parse(split(f"acknowledge {number},{number} --comment again"), verbs(), Place())
        assert session.say("acknowledge", line.arguments)[0]["comment"] == "again"


def test_a_round_of_the_watcher_raises_what_there_is_to_raise(ws):
    for hour in range(3):
        an_hour(ws, people(200, hour))
    an_hour(ws, without(people(200, 9), "income"))
    assert watched(ws).opened == 1
    assert watched(ws).opened == 0
    assert [row["subject"] for row in alerts(ws)["items"]] == ["income"]
