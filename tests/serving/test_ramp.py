"""A canary that ramps by itself: up to everything while it does well, back when it does not."""

import time

import pytest
from sklearn.base import clone

from jupyter_mlops import open_workspace
from stories import approved_again, caller, deployed, tumours

PATH = "/deployments/clinic/predictions"
PACE = "rollout: {steps: [0.3, 0.6], rows: 15, minutes: 0}"


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """A folder with a live deployment whose rules make ramps quick."""
    folder = tmp_path_factory.mktemp("ramp") / "here"
    with open_workspace(folder) as session:
        deployed(session)
        session.rules("clinic", PACE)
        yield folder
        session.stop()


@pytest.fixture
def session(here):
    """The workspace."""
    with open_workspace(here) as session:
        yield session


def ask(here, rows, count):
    """Ask about so many cases, one after the other; return the status codes."""
    with caller(here) as client:
        told = [
            client.post(PATH, json={"rows": [rows[at % len(rows)]], "ids": [f"{time.time_ns()}"]})
            for at in range(count)
        ]
    return [answer.status_code for answer in told]


def until(session, here, rows, is_so, seconds=60):
    """Keep asking until the deployment is so."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        ask(here, rows, 20)
        row = session.deployments()[0]
        if is_so(row):
            return row
    raise AssertionError(row)


def test_it_goes_up_step_by_step_through_a_restart_until_it_is_the_champion(session, here, rows):
    version = approved_again(session, 0.01)
    carried = session.deploy(version, to="clinic", gate="canary", reason="try it")
    assert (carried.gate, carried.share) == ("canary", 0.3)
    trial = session.deployments()[0]["trial"]
    assert (trial["next_share"], trial["rows"]) == (0.6, 15)
    assert "30 % of the cases; 60 %" in trial["because"]
    until(session, here, rows, lambda row: row["share"] == 0.6)
    session.stop()
    session.serve()
    row = until(session, here, rows, lambda row: row["trial"] is None)
    assert row["version"] == "tumour:2"
    ramps = session.audit("deployment:ramp").to_dict()["items"]
    assert [event["after"]["share"] for event in ramps] == [1.0, 0.6]
    assert {event["actor"]["id"] for event in ramps} == {"server"}


def test_first_in_shadow_then_on_a_share_then_everything(session, here, rows):
    version = approved_again(session, 0.1)
    carried = session.deploy(version, to="clinic", gate="shadow")
    assert (carried.gate, carried.share) == ("shadow", 0.0)
    assert "in shadow" in session.deployments()[0]["trial"]["because"]
    row = until(session, here, rows, lambda row: row["share"] is not None)
    assert row["version"] != version.ref
    row = until(session, here, rows, lambda row: row["trial"] is None)
    assert row["version"] == version.ref


def test_one_that_fails_where_the_champion_does_not_is_taken_back(session, here, rows):
    model, train, _ = tumours()
    wide = train.assign(extra=1.0)
    other = clone(model).fit(wide.drop(columns="target"), wide["target"])
    version = session.register(other, name="tumour", train=wide, target="target")
    before = session.deployments()[0]["version"]
    wider = [{**row, "extra": 1.0} for row in rows]
    ask(here, wider, 210)  # it is tried on what callers sent lately; then they send it no more
    session.approve(session.request(version, for_deployment="clinic").id)
    session.deploy(version, to="clinic", gate="canary")
    row = until(session, here, rows, lambda row: row["trial"] is None)
    assert row["version"] == before
    back = session.audit("deployment:takeback").to_dict()["items"][0]
    assert back["after"]["version"] == before
    assert f"{version.ref} failed" in back["reason"]
    assert set(ask(here, rows, 20)) == {200}
