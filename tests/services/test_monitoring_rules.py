"""The rules say how closely is watched: reads follow them, and one can try them on the past."""

import pytest
from sqlalchemy import text

from jupyter_mlops.errors import Invalid
from jupyter_mlops.services.accuracy import accuracy
from jupyter_mlops.services.alerts import alerts
from jupyter_mlops.services.drift import drift
from jupyter_mlops.services.evaluation import evaluate
from jupyter_mlops.services.rules import rules
from jupyter_mlops.services.service import service
from traffic import an_hour, approved, goes_live, people

SENSITIVE = """
monitoring:
  psi: [0.01, 0.02]
  star: [tenure]
"""


def gone(frame, is_gone):
    """The same rows, without an income where it is gone."""
    return frame.assign(income=None) if is_gone else frame


def row(ws, name, **more):
    """What is said of a feature."""
    told = drift(ws, "shop", **more)["items"]
    return next((found for found in told if found["feature"] == name), None)


def test_drift_is_judged_by_the_rules_in_force_at_the_asked_time(ws):
    an_hour(ws, people(2000, 1, tenure=0.25))
    assert row(ws, "tenure")["status"] == "passing"
    before = ws.now()
    ws.clock.turn(minutes=5)
    rules(ws, "shop", SENSITIVE)
    ws.clock.turn(minutes=5)
    assert row(ws, "tenure")["status"] == "failing"
    assert row(ws, "tenure", until=before)["status"] == "passing"


def test_a_feature_that_is_left_out_is_not_looked_at_and_one_of_its_own_floors_is_by_those(ws):
    an_hour(ws, people(2000, 1, tenure=2, visits=2))
    rules(
        ws,
        "shop",
        "monitoring: {exclude: [tenure], features: {visits: {psi: [50, 60]}}}",
    )
    ws.clock.turn(minutes=1)
    assert row(ws, "tenure") is None
    assert row(ws, "visits")["finding"] == "shifted"


def test_fewer_rows_than_the_rules_ask_for_say_nothing(ws):
    an_hour(ws, people(200, 1, tenure=2))
    rules(ws, "shop", "monitoring: {rows: 500}")
    ws.clock.turn(minutes=1)
    assert row(ws, "tenure")["finding"] == "unknown"


def test_every_version_of_the_rules_is_kept_whole(ws):
    told = rules(ws, "shop", "monitoring: {every: day, alerts: {drift: none}, webhook: ops}")
    assert told["monitoring"]["every"] == "day"
    assert told["monitoring"]["alerts"]["drift"] == {}
    assert rules(ws, "shop")["monitoring"] == told["monitoring"]
    assert told["number"] > 0
    with pytest.raises(Invalid, match="did you mean tenure"):
        rules(ws, "shop", "monitoring: {star: [tenuer]}")
    with pytest.raises(Invalid, match="did you mean monitoring"):
        rules(ws, "shop", "monitorng: {rows: 100}")


def labelled(ws, ids, right):
    """Say what really happened: as often as not what the model would say, or what is wrong."""
    with ws.act("test:actuals", subject="test") as act:
        act.nothing()
    log = ws.telemetry.read_predictions("shop").to_pylist()
    score = {found["prediction_id"]: found["score"] for found in log}
    rows = [
        {"id": "", "prediction_id": name, "value": str(int((score[name] > 0.5) == right))}
        for name in ids
    ]
    at = ws.clock()
    path = ws.telemetry.write_actuals("shop", [{**r, "at": at} for r in rows], known_at=at)
    ws.telemetry.announce(path)


def test_labels_that_come_later_are_looked_at_once_when_they_come(ws):
    ids = an_hour(ws, people(300, 1))
    an_hour(ws, people(300, 2))
    assert evaluate(ws, "shop").opened == 0
    ws.clock.turn(hours=3)
    labelled(ws, ids, right=False)
    an_hour(ws, people(300, 3))
    assert evaluate(ws, "shop").opened == 1
    (found,) = alerts(ws)["items"]
    assert (found["part"], found["subject"], found["severity"]) == (
        "accuracy",
        "roc_auc",
        "critical",
    )
    assert found["figures"]["n"] == 300
    an_hour(ws, people(300, 4))
    evaluate(ws, "shop")
    assert alerts(ws)["items"][0]["windows"] == 1


def test_accuracy_has_the_floors_that_were_agreed(ws):
    ids = an_hour(ws, people(300, 1))
    labelled(ws, ids, right=True)
    assert accuracy(ws, "shop")["status"] == "passing"
    rules(ws, "shop", "monitoring: {accuracy: {log_loss: [0.001, 0.01]}}")
    ws.clock.turn(minutes=1)
    told = accuracy(ws, "shop")
    assert told["status"] == "failing"
    assert told["because"].startswith("log_loss is")


def test_an_error_budget_that_burns_is_an_alert_and_a_quiet_one_is_not(ws):
    rules(ws, "shop", "objectives: {error_rate: 0.01}")
    an_hour(ws, people(200, 1), times=200)
    evaluate(ws, "shop")
    assert alerts(ws)["items"] == []
    an_hour(ws, people(0, 1), kind="model_failed", times=100, minute=58)
    evaluate(ws, "shop")
    found = {told["subject"]: told for told in alerts(ws)["items"]}
    assert found["error budget"]["severity"] == "critical"
    assert found["error budget"]["figures"]["burn"] > 14.4
    assert found["errors"]["causes"][0]["why"] == "model_fails"
    assert service(ws, "shop")["status"] == "failing"


def test_answers_in_doubt_are_an_alert_where_the_rules_say_from_when(ws):
    an_hour(ws, people(200, 1), warnings=["humility:unsure"])
    evaluate(ws, "shop")
    assert alerts(ws)["items"] == []
    rules(ws, "shop", "monitoring: {humility: [0.1, 0.5]}")
    an_hour(ws, people(200, 2), warnings=["humility:unsure"])
    evaluate(ws, "shop")
    (found,) = alerts(ws)["items"]
    assert (found["part"], found["severity"]) == ("humility", "critical")


def test_rules_are_tried_on_the_past_and_nothing_is_written(ws):
    for hour in range(6):
        an_hour(ws, gone(people(200, hour), hour in (2, 3)))
    an_hour(ws, people(300, 9, age=2))
    written = counted(ws)
    told = rules(ws, "shop", "monitoring: {alerts: {drift: none}}", dry_run="1d")["rehearsal"]
    assert told["windows"] == 7
    (fired,) = [one for one in told["items"] if one["because"].startswith("income: ")]
    assert fired["windows"] == 2
    assert fired["resolved_at"]
    assert not [one for one in told["items"] if one["part"] == "drift"]
    all_of_it = rules(ws, "shop", dry_run="1d")["rehearsal"]["items"]
    assert any(one["part"] == "drift" for one in all_of_it)
    assert counted(ws) == written
    with pytest.raises(Invalid):
        rules(ws, "shop", "monitoring: {rows: none}", dry_run="1d")


def counted(ws):
    """How much the store holds."""
    tables = ("rules", "finding", "alert", "evaluation", "delivery", "audit_event")
    with ws.look() as session:
        return [session.execute(text(f"SELECT count(*) FROM {t}")).scalar() for t in tables]  # noqa: S608


def test_the_rehearsal_fires_what_watching_fires(ws):
    for hour in range(5):
        an_hour(ws, gone(people(200, hour), hour > 2))
        evaluate(ws, "shop")
    told = rules(ws, "shop", dry_run="1d")["rehearsal"]["items"]
    really = alerts(ws, state="all")["items"]
    assert {(one["subject"], one["since"]) for one in told} <= {
        (one["subject"], one["since"]) for one in really
    }
    assert told


def test_slow_answers_after_a_new_version_point_at_the_version(shared_where, ws):
    ref = approved(shared_where, strength=0.01)
    rules(ws, "shop", "objectives: {latency_p95_ms: 50}")
    an_hour(ws, people(200, 1), times=40)
    evaluate(ws, "shop")
    goes_live(ws, ref)
    an_hour(ws, people(200, 2), times=40, ms=200.0, ref=ref)
    evaluate(ws, "shop")
    (found,) = [told for told in alerts(ws)["items"] if told["subject"] == "latency"]
    assert found["causes"][0]["why"] == "deployed"
    assert found["next"] == "%mlops rollback shop"
