"""Rules at the door: what a server does when its model is unsure, and how rules come into force."""

import subprocess
import sys

import pytest
from sqlalchemy import text

from jupyter_mlops import open_workspace
from jupyter_mlops.errors import Corrupt, Invalid, Refused, UsageError
from jupyter_mlops.services import rules as rules_of
from jupyter_mlops.services.workspace import open_local
from stories import approved, progression

PATH = "/deployments/clinic/predictions"
RULES = """
objectives:
  latency_p95_ms: 250
  error_rate: 0.01
humility:
  - {name: unsure, when: uncertain, between: [0.0, 1.0], then: note}
  - {name: too big, when: outlying, features: [mean radius], then: refuse}
"""


@pytest.fixture
def session(place):
    """A session on the live deployment; its rules are ended afterwards."""
    with open_workspace(place) as session:
        yield session
        session.rules("clinic", "{}")


def ask(client, *rows):
    return client.post(PATH, json={"rows": list(rows)})


def test_rules_hold_from_the_word_on_and_are_shown_as_they_were_written(session, client, rows):
    told = session.rules("clinic", RULES.replace("too big", "too-big"))
    answer = ask(client, rows[0]).json()["predictions"][0]
    assert "humility:unsure" in answer["warnings"]
    assert session.rules("clinic").text == told.text
    assert [rule["name"] for rule in told.to_frame().to_dict("records")] == ["unsure", "too-big"]
    session.rules("clinic", "{}")
    assert "humility:unsure" not in ask(client, rows[0]).json()["predictions"][0]["warnings"]


def test_a_refusing_rule_answers_with_a_problem_that_names_the_row(session, client, rows):
    session.rules("clinic", RULES.replace("too big", "too-big"))
    wild = {**rows[1], "mean radius": 1e6}
    refused = ask(client, rows[0], wild)
    assert (refused.status_code, refused.json()["code"]) == (422, "humility")
    assert "Row 1" in refused.json()["detail"]
    assert "1000000" not in refused.text
    assert ask(client, rows[0]).status_code == 200


def test_an_override_is_told_and_logged_in_place_of_the_answer(session, client, place, rows):
    before = ask(client, rows[0]).json()["predictions"][0]
    other = 1 - before["prediction"]
    always = "when: uncertain, between: [0, 1], then: override"
    first, second = (
        f"{{name: {name}, {always}, with: {value}}}"
        for name, value in (("first", other), ("second", 1 - other))
    )
    session.rules("clinic", f"humility: [{first}, {second}]")
    answer = ask(client, rows[0]).json()["predictions"][0]
    assert answer["prediction"] == other
    assert answer["warnings"] == ["humility:first", "humility:second"]
    assert answer["probabilities"] == before["probabilities"]
    log = open_local(place).telemetry.read_predictions("clinic").to_pylist()
    (kept,) = [row for row in log if row["prediction_id"] == answer["prediction_id"]]
    assert kept["label"] == str(other)


def test_a_share_of_missing_features_is_a_trigger(session, client, rows):
    session.rules(
        "clinic",
        "humility: [{when: missing, features: [mean radius, mean texture], more_than: 0.5}]",
    )
    sent = [rows[0], {**rows[0], "mean radius": None, "mean texture": None}]
    answer = ask(client, *sent)
    if answer.status_code == 200:  # a model that reads missing values
        told = answer.json()["predictions"]
        assert [row["warnings"] for row in told] == [[], ["humility:missing"]]
    assert ask(client, rows[0]).json()["predictions"][0]["warnings"] == []


def test_every_version_of_the_rules_is_in_the_audit_log(session):
    first = session.rules("clinic", "objectives: {latency_p95_ms: 100}")
    same = session.rules("clinic", "objectives: {latency_p95_ms: 100}")
    second = session.rules("clinic", "objectives: {latency_p95_ms: 200}", reason="a slower link")
    assert same.number == first.number
    event = session.audit().to_dict()["items"][0]
    assert (event["action"], event["reason"]) == ("rules:change:done", "a slower link")
    assert event["before"] == {"number": first.number, "digest": first.digest}
    assert event["after"] == {"number": second.number, "digest": second.digest}


def test_service_is_judged_by_the_objectives_that_were_agreed(session, client, rows):
    for _ in range(25):
        ask(client, rows[0])
    session.rules("clinic", "objectives: {latency_p95_ms: 0.000001, error_rate: 1}")
    found = session.service("clinic")
    assert found.status == "failing"
    assert "1e-06 ms" in found.because
    session.rules("clinic", "objectives: {latency_p95_ms: 60000, error_rate: 1}")
    assert session.service("clinic").status == "passing"


@pytest.mark.parametrize(
    "yaml",
    [
        "- a list",
        "nothing: {}",
        "humilty: []",
        "humility: {}",
        "humility: [1]",
        "humility: [{when: sometimes}]",
        "humility: [{when: uncertain}]",
        "humility: [{when: uncertain, between: [0.6, 0.4]}]",
        "humility: [{when: uncertain, between: [.nan, 1]}]",
        "humility: [{when: outlying, features: [mean radios]}]",
        "humility: [{when: outlying, then: shout}]",
        "humility: [{when: outlying, then: override}]",
        "humility: [{when: outlying, then: override, with: 7}]",
        "humility: [{when: outlying, name: '<b>'}]",
        "humility: [{when: missing, more_than: 1}]",
        "humility: [{when: outlying}, {when: outlying}]",
        "humility: [{when: outlying, wehn: unseen}]",
        "objectives: {latency: 1}",
        "objectives: {error_rate: 2}",
        "objectives: {latency_p95_ms: true}",
        "objectives: {}\nobjectives: {}",
        "objectives: &a {}\nhumility: *a",
        "objectives: !!python/object/apply:os.system ['true']",
        "{" * 2000,
        "'",
        "\x00",
    ],
)
def test_rules_that_are_none_are_refused_and_change_nothing(session, yaml):
    before = session.rules("clinic").number
    with pytest.raises((Invalid, UsageError)) as error:
        session.rules("clinic", yaml)
    assert error.value.hint
    assert session.rules("clinic").number == before


def test_before_anything_is_live_there_is_nothing_to_rule(tmp_path):
    with open_workspace(tmp_path / "here") as session:
        approved(session)
        with pytest.raises(Exception, match="clinic") as error:
            session.rules("clinic", RULES)
        assert error.type.__name__ in ("NotFound", Refused.__name__)


def test_a_regression_is_bounded_by_its_value(tmp_path):
    model, train, holdout = progression()
    with open_workspace(tmp_path / "here") as session:
        version = session.register(
            model, name="disease", train=train, target="target", holdout=holdout
        )
        session.approve(session.request(version, for_deployment="ward").id)
        session.deploy(version, to="ward")
        session.rules(
            "ward",
            "humility: [{when: uncertain, outside: [1000000, 2000000], then: override, with: 100}]",
        )
        told = session.predict("ward", holdout.drop(columns="target").head(2)).to_dict()["items"]
        session.stop()
    assert [row["prediction"] for row in told] == [100.0, 100.0]


def test_a_terminal_reads_rules_from_a_file_or_a_pipe(session, place, tmp_path):
    file = tmp_path / "rules.yaml"
    file.write_text("objectives: {latency_p95_ms: 321}")
    words = [sys.executable, "-m", "jupyter_mlops", "--workspace", place, "rules", "clinic"]
    subprocess.run([*words, file], check=True, capture_output=True)
    assert session.rules("clinic").objectives["latency_p95_ms"] == 321
    piped = b"objectives: {latency_p95_ms: 322}"
    subprocess.run([*words, "-"], input=piped, check=True, capture_output=True)
    assert session.rules("clinic").objectives["latency_p95_ms"] == 322


def test_rules_that_another_hand_changed_do_not_hold(session, client, place, rows):
    session.rules("clinic", "humility: [{name: mine, when: uncertain, between: [0, 1]}]")
    theirs = session.rules("clinic", "humility: [{name: new, when: uncertain, between: [0, 1]}]")
    ws = open_local(place)
    with ws.engine.begin() as connection:
        connection.execute(text("DROP TRIGGER rules_no_update"))
        connection.execute(
            text("UPDATE rules SET body = replace(body, 'new', 'bad') WHERE digest = :digest"),
            {"digest": theirs.digest},
        )
    with pytest.raises(Corrupt):
        session.rules("clinic")
    assert [rule.name for rule in rules_of.applied(ws)["clinic"].humility] == ["mine"]
    assert ask(client, rows[0]).status_code == 200
