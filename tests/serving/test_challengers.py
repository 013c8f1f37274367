"""A challenger scores in shadow: it is written down beside what was answered, and answers nobody."""

import time

import pytest
from sklearn.base import clone

from jupyter_mlops import open_workspace
from jupyter_mlops.errors import Conflict, Invalid, Refused
from jupyter_mlops.services.workspace import open_local
from stories import approved_again, caller, deployed, tumours


@pytest.fixture
def here(tmp_path):
    """The workspace's folder."""
    return tmp_path / "here"


@pytest.fixture
def session(here):
    """A deployment with its champion, and a second version approved to challenge it."""
    with open_workspace(here) as session:
        deployed(session)
        approved_again(session, 0.01, role="challenger")
        yield session
        session.stop()


def ask(here, rows, ids=None):
    """Ask the clinic over HTTP."""
    asked = {"rows": rows, **({"ids": ids} if ids else {})}
    with caller(here) as client:
        answer = client.post("/deployments/clinic/predictions", json=asked)
    assert answer.status_code == 200
    return answer.json()


def logged(here, count, seconds=10):
    """Wait until so many rows of challengers are in the log; return them."""
    telemetry = open_local(here).telemetry
    until = time.monotonic() + seconds
    while True:
        log = telemetry.read_predictions("clinic", with_challengers=True).to_pylist()
        found = [row for row in log if row["role"] == "challenger"]
        if len(found) >= count or time.monotonic() > until:
            assert len(found) == count
            return found
        time.sleep(0.1)


def test_it_scores_beside_what_was_answered_and_answers_nobody(session, here, rows):
    carried = session.deploy("tumour:2", to="clinic", role="challenger")
    assert (carried.gate, carried.share, carried.replaced) == ("shadow", 0.0, "tumour:1")
    told = ask(here, rows[:5], ids=[f"case-{at}" for at in range(5)])
    assert {row["version"] for row in told["predictions"]} == {"tumour:1"}
    found = logged(here, 5)
    assert {row["version"] for row in found} == {"tumour:2"}
    assert [row["beside"] for row in found] == [p["prediction_id"] for p in told["predictions"]]
    assert [row["id"] for row in found] == [f"case-{at}" for at in range(5)]


def test_both_are_compared_on_the_same_rows_and_by_the_same_truth(session, here, rows):
    session.deploy("tumour:2", to="clinic", role="challenger")
    truth = tumours()[2].target.tolist()
    ids = [f"case-{at}" for at in range(len(rows))]
    ask(here, rows, ids=ids)
    logged(here, len(rows))
    (row,) = session.challengers("clinic").to_dict()["items"]
    assert (row["ref"], row["rows"], row["errors"], row["dropped"]) == ("tumour:2", 219, 0, 0)
    assert 0.8 < row["agreement"]["low"] < row["agreement"]["value"] <= 1
    assert row["difference"]["low"] < row["difference"]["value"] < row["difference"]["high"]
    assert row["latency_ms"]["p95"] > 0
    session.actuals("clinic", [{"id": i, "value": v} for i, v in zip(ids, truth, strict=True)],
                    id="id", value="value")  # fmt: skip
    told = session.challengers("clinic")
    (row,) = told.to_dict()["items"]
    assert row["labelled"] == 219
    shown = session.show("tumour:1").metrics["roc_auc"]["value"]
    assert row["metrics"]["roc_auc"]["champion"]["value"] == pytest.approx(shown)
    assert told.line.startswith("clinic: AUC of tumour:2 is 0.9")


def test_who_reads_the_log_does_not_count_it(session, here, rows):
    session.deploy("tumour:2", to="clinic", role="challenger")
    ask(here, rows[:20])
    logged(here, 20)
    telemetry = open_local(here).telemetry
    assert {row["role"] for row in telemetry.read_predictions("clinic").to_pylist()} == {"champion"}
    service = session.service("clinic")
    assert (service.requests, service.predictions, service.errors) == (1, 20, 0)
    everything = telemetry.read_predictions("clinic", with_challengers=True)
    assert everything.num_rows == 40
    assert len(telemetry.known("clinic", set(everything["prediction_id"].to_pylist()))) == 20


def test_it_is_taken_back_by_name_while_the_champion_stays(session, here, rows):
    session.deploy("tumour:2", to="clinic", role="challenger")
    assert session.deployments()[0]["challengers"] == ["tumour:2"]
    back = session.rollback("clinic", ref="tumour:2", reason="seen enough")
    assert (back.version, back.replaced) == ("tumour:1", "tumour:2")
    assert session.deployments()[0]["challengers"] == []
    with pytest.raises(Refused) as error:
        session.rollback("clinic")
    assert error.value.code == "nothing_before"


def test_it_becomes_champion_only_by_an_approval_that_says_so(session, here, rows):
    session.deploy("tumour:2", to="clinic", role="challenger")
    with pytest.raises(Refused) as error:
        session.promote("clinic")
    assert error.value.code == "not_requested"
    session.approve(session.request("tumour:2", for_deployment="clinic").id)
    assert session.promote("clinic").replaced == "tumour:1"
    assert ask(here, rows[:1])["version"] == "tumour:2"
    assert session.deployments()[0]["challengers"] == []


def test_an_approval_as_challenger_lets_nobody_answer(session):
    with pytest.raises(Refused) as error:
        session.deploy("tumour:2", to="clinic")
    assert error.value.code == "not_requested"


def test_four_are_one_too_many(session):
    session.deploy("tumour:2", to="clinic", role="challenger")
    for strength in (0.1, 10, 100):
        approved_again(session, strength, role="challenger")
    session.deploy("tumour:3", to="clinic", role="challenger")
    session.deploy("tumour:4", to="clinic", role="challenger")
    with pytest.raises(Conflict) as error:
        session.deploy("tumour:5", to="clinic", role="challenger")
    assert error.value.code == "challengers_too_many"
    with pytest.raises(Refused) as unclear:
        session.promote("clinic")
    assert unclear.value.code == "which_challenger"


def test_it_has_no_share_and_no_other_gate(session):
    for said in ({"share": 0.1}, {"gate": "canary"}, {"gate": "swap"}):
        with pytest.raises(Invalid) as error:
            session.deploy("tumour:2", to="clinic", role="challenger", **said)
        assert error.value.code == "gate_invalid"


def test_it_goes_on_after_the_server_was_started_anew(session, here, rows):
    session.deploy("tumour:2", to="clinic", role="challenger")
    session.stop()
    session.serve()
    ask(here, rows[:3])
    assert {row["version"] for row in logged(here, 3)} == {"tumour:2"}


def test_a_first_release_has_nobody_to_challenge(session):
    asked = session.request("tumour:1", for_deployment="elsewhere", role="challenger")
    session.approve(asked.id)
    with pytest.raises(Refused) as error:
        session.deploy("tumour:1", to="elsewhere", role="challenger")
    assert error.value.code == "nothing_live"


def test_one_that_does_not_read_the_rows_is_given_up_and_hurts_nobody(session, here, rows):
    model, train, _ = tumours()
    wide = train.assign(extra=1.0)
    other = clone(model).fit(wide.drop(columns="target"), wide["target"])
    version = session.register(other, name="tumour", train=wide, target="target")
    ask(here, [{**rows[0], "extra": 1.0}])  # callers send it while the request is opened
    asked = session.request(version, for_deployment="clinic", role="challenger")
    session.approve(asked.id)
    session.deploy(version, to="clinic", role="challenger")
    for _ in range(10):
        ask(here, rows[:1])
    until = time.monotonic() + 10
    while session.deployments()[0]["challengers"] and time.monotonic() < until:
        time.sleep(0.1)
    assert session.deployments()[0]["challengers"] == []
    last = session.audit("rollout:failed").to_dict()["items"][0]
    assert "extra" in last["after"]["because"]
