"""What becomes of what answers, is tried out or is on its way, once its approval is withdrawn."""

import contextlib
import threading

import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sqlalchemy import text

from asked import (
    ANN,
    BOB,
    approved,
    asks,
    carries_out,
    champion,
    events,
    live,
    serves,
    state,
)
from jupyter_mlops.errors import MlopsError, Refused
from jupyter_mlops.services import (
    alerts,
    approvals,
    deployments,
    lookup,
    opening,
    rollouts,
    standing,
    withdrawals,
)
from jupyter_mlops.services.withdrawals import withdraw
from jupyter_mlops.store import tables
from stories import deployed, tumours


@pytest.fixture
def ws(ticking):
    """A workspace whose clock ticks, and no server."""
    return ticking


@pytest.fixture
def loads(monkeypatch):
    """Stand for the prediction server: what is on its way is carried out, as it verifies it."""

    def carried(ws, rollout, *_, **__):
        rollouts.carry_out(ws, rollout)

    monkeypatch.setattr(withdrawals, "carried", carried)


def test_a_champion_that_is_withdrawn_makes_way_for_the_one_before(ws, loads):
    live(ws)
    request = live(ws, 2)
    ours = champion(ws)[1]
    told = withdraw(ws.as_actor(BOB), request, comment="wrong labels")
    assert (told["state"], told["because"]) == ("void", "shop is back at churn:1.")
    assert champion(ws)[0] == "churn:1"
    assert not serves(ws, ours)
    assert alerts.alerts(ws)["items"] == []
    (event,) = events(ws, "request:withdrawal:done")
    assert event["after"]["back_to"] == "churn:1"
    assert events(ws, "deployment:rollout:carried out")[-1]["after"]["version"] == "churn:1"


def test_going_back_passes_over_what_was_withdrawn(ws, loads):
    live(ws)
    second, third = live(ws, 2), live(ws, 3)
    told = withdraw(ws.as_actor(BOB), second)
    assert (told["because"], champion(ws)[0]) == ("", "churn:3")
    withdraw(ws.as_actor(BOB), third)
    assert champion(ws)[0] == "churn:1"


def test_a_rollback_refuses_what_was_withdrawn(ws, loads):
    first = live(ws)
    live(ws, 2)
    withdraw(ws.as_actor(BOB), first)
    with pytest.raises(Refused, match="no champion to go back to"):
        deployments.rollback(ws, "shop")
    assert champion(ws)[0] == "churn:2"


def test_one_approved_again_may_be_gone_back_to(ws, loads):
    first = live(ws)
    live(ws, 2)
    withdraw(ws.as_actor(BOB), first)
    with ws.act("test:opening", subject="test") as act:
        found = act.session.get_one(tables.Version, 1)
        again = opening.opened(ws.as_actor(ANN), act, found, "shop", "champion", "", {"checks": []})
        number = again.id
    approvals.approve(ws.as_actor(BOB), number)
    carries_out(ws, number)
    third = live(ws, 3)
    withdraw(ws.as_actor(BOB), third)
    assert champion(ws)[0] == "churn:1"


def test_where_nothing_else_is_approved_the_champion_answers_on_and_an_alert_says_so(ws, loads):
    request = live(ws)
    ours = champion(ws)[1]
    told = withdraw(ws.as_actor(BOB), request)
    assert "churn:1 answers on" in told["because"]
    assert (told["state"], champion(ws)) == ("void", ("churn:1", ours))
    assert serves(ws, ours)  # also after a restart: no outage
    (alert,) = alerts.alerts(ws)["items"]
    assert (alert["part"], alert["severity"], alert["version"]) == (
        "approval",
        "critical",
        "churn:1",
    )
    assert "withdrawn" in alert["because"]
    assert withdrawals.follow(ws) == 0  # it is said once
    live(ws, 2)
    withdrawals.follow(ws)
    assert alerts.alerts(ws)["items"] == []
    assert not serves(ws, ours)


def test_one_that_answers_on_is_carried_out_nowhere_else(ws, loads):
    request = live(ws)
    withdraw(ws.as_actor(BOB), request)
    with pytest.raises(Refused, match="not approved"):
        carries_out(ws, request)


def test_a_withdrawn_champion_brought_back_by_a_forged_row_is_not_served(ws, loads):
    live(ws)
    request = live(ws, 2)
    ours = champion(ws)[1]
    withdraw(ws.as_actor(BOB), request)
    with ws.engine.begin() as connection:
        connection.execute(text("UPDATE rollout SET state = 'ended'"))
        connection.execute(text(f"UPDATE rollout SET state = 'live' WHERE id = {ours}"))  # noqa: S608
    assert not serves(ws, ours)


def test_what_cannot_be_gone_back_to_leaves_the_champion_and_an_alert(ws, monkeypatch):
    def fails(ws, rollout, *_, **__):
        rollouts.fail(ws, rollout, "the file is gone")
        raise Refused("shop keeps what it served: the file is gone", code="rollout_failed")

    monkeypatch.setattr(withdrawals, "carried", fails)
    live(ws)
    request = live(ws, 2)
    ours = champion(ws)[1]
    told = withdraw(ws.as_actor(BOB), request)
    assert "could not go back to churn:1" in told["because"]
    assert champion(ws) == ("churn:2", ours)
    assert serves(ws, ours)
    assert len(alerts.alerts(ws)["items"]) == 1
    assert withdrawals.follow(ws) == 0  # nor is it tried again and again
    assert len(events(ws, "request:withdrawal:done")) == 1


def test_the_watcher_ends_what_could_not_end_at_once(ws, loads):
    live(ws)
    second, third = live(ws, 2), approved(ws, 3)
    with ws.act("test:rollout", subject="test") as act:
        place = lookup.deployment(act.session, "shop")
        coming = tables.Rollout(
            deployment_id=place.id, version_id=3, request_id=third, action="deploy",
            role="champion", state="loading", because="", at=ws.now(),
        )  # fmt: skip
        act.session.add(coming)
        act.session.flush()
        number = coming.id
    withdraw(ws.as_actor(BOB), second)
    assert champion(ws)[0] == "churn:2"  # churn:3 is on its way to replace it
    assert alerts.alerts(ws)["items"] == []
    rollouts.fail(ws, number, "broken")
    withdrawals.follow(ws)
    with ws.look() as session:
        place = lookup.deployment(session, "shop")
        (back,) = rollouts.of_place(session, place, "loading")
        assert (back.action, back.version_id) == ("rollback", 1)
    assert events(ws, "deployment:rollback:begun")


def test_what_is_tried_out_by_a_withdrawn_approval_ends(ws, loads):
    live(ws)
    request = approved(ws, 2)
    number = carries_out(ws, request)
    with ws.engine.begin() as connection:  # as a canary beside the champion
        connection.execute(
            text("UPDATE rollout SET state = 'live', until = '' WHERE version_id = 1")
        )
        connection.execute(text(f"UPDATE rollout SET share = 0.1 WHERE id = {number}"))  # noqa: S608
    told = withdraw(ws.as_actor(BOB), request)
    assert (told["because"], champion(ws)[0]) == ("churn:2 answers nobody any more.", "churn:1")
    assert not serves(ws, number)


def test_a_challenger_by_a_withdrawn_approval_ends(ws, loads):
    live(ws)
    request = approved(ws, 2, role="challenger")
    carries_out(ws, request)
    withdraw(ws.as_actor(BOB), request)
    with ws.look() as session:
        assert rollouts.challengers(session, lookup.deployment(session, "shop")) == []


def test_what_is_on_its_way_is_not_carried_out_once_it_is_withdrawn(ws):
    request = approved(ws)
    with ws.act("test:rollout", subject="test") as act:
        found = act.session.get_one(tables.Version, 1)
        place = tables.Deployment(
            name="shop", model_id=found.model_id, state="waiting", at=ws.now()
        )
        act.session.add(place)
        act.session.flush()
        coming = tables.Rollout(
            deployment_id=place.id, version_id=1, request_id=request, action="deploy",
            role="champion", state="loading", because="", at=ws.now(),
        )  # fmt: skip
        act.session.add(coming)
        act.session.flush()
        number = coming.id
    withdraw(ws.as_actor(ANN), request)
    rollouts.carry_out(ws, number)
    with ws.look() as session:
        assert session.get_one(tables.Rollout, number).state == "failed"
    assert state(ws, request) == "withdrawn"


def test_approving_withdrawing_and_carrying_out_at_once_has_one_outcome(ws):
    for number in range(1, 6):
        request = asks(ws, number)
        carry = threading.Barrier(3)

        def do(deed, carry=carry):
            carry.wait()
            with contextlib.suppress(MlopsError):
                deed()

        deeds = [
            lambda request=request: approvals.approve(ws.as_actor(BOB), request),
            lambda request=request: withdraw(ws.as_actor(ANN), request),
            lambda request=request: carries_out(ws, request),
        ]
        threads = [threading.Thread(target=do, args=(deed,)) for deed in deeds]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with ws.look() as session:
            asked = session.get_one(tables.Request, request)
            going = session.query(tables.Rollout).filter_by(request_id=request).all()
            is_live = any(one.state == "live" for one in going)
            assert (asked.state == "carried out") == is_live
            assert standing.was_withdrawn(session, asked) == (asked.state == "withdrawn")
            assert asked.state in ("carried out", "withdrawn")


def test_a_prediction_server_goes_back_without_an_outage(here):
    deployed(here)
    _, train, holdout = tumours()
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.5, max_iter=500))
    model.fit(train.drop(columns="target"), train["target"])
    here.register(model, name="tumour", train=train, target="target", holdout=holdout)
    asked = here.request("tumour:2", for_deployment="clinic", apply=True)
    contest = asked.evidence["contest"]
    assert (contest["ref"], contest["metric"], contest["measured"]) == (
        "tumour:1",
        "roc_auc",
        "same rows",
    )
    assert "carried out at once when approved" in asked.line
    told = here.approve(asked)
    assert (told.state, "carried out to clinic" in told.because) == ("carried out", True)
    case = [holdout.drop(columns="target").iloc[0].to_dict()]
    assert here.predict("clinic", case).version == "tumour:2"
    told = here.withdraw(asked, comment="wrong labels")
    assert told.because == "clinic is back at tumour:1."
    assert here.predict("clinic", case).version == "tumour:1"
    with pytest.raises(Refused, match="is void"):
        here.deploy("tumour:2", to="clinic")
    assert "answers on" in here.withdraw(1).because
    here.stop()
    here.serve()
    assert here.predict("clinic", case).version == "tumour:1"
    assert here.alerts().items[0]["part"] == "approval"
    assert here.audit(verify=True).ok
