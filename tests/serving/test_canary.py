"""A canary: a share of the cases asks it, always the same ones, until it is promoted or taken back."""

import pytest
from sqlalchemy import text

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
    """A deployment with its champion, and a second version approved for it."""
    with open_workspace(here) as session:
        deployed(session)
        approved_again(session, 0.01)
        yield session
        session.stop()


def asked(here, rows, count):
    """Ask about many cases at once; return which version answered each."""
    asked = {"rows": [rows[0]] * count, "ids": [f"case-{at}" for at in range(count)]}
    with caller(here) as client:
        answer = client.post("/deployments/clinic/predictions", json=asked).json()
    return {row["id"]: row["version"] for row in answer["predictions"]}


def test_a_canary_answers_its_share_and_keeps_its_cases_when_it_is_raised(session, here, rows):
    session.deploy("tumour:2", to="clinic", share=0.1)
    few = asked(here, rows, 2000)
    session.deploy("tumour:2", to="clinic", share=0.5)
    more = asked(here, rows, 2000)
    tried = [{case for case, ref in told.items() if ref == "tumour:2"} for told in (few, more)]
    assert 150 < len(tried[0]) < 250
    assert 900 < len(tried[1]) < 1100
    assert tried[0] < tried[1]
    row = session.deployments().to_dict()["items"][0]
    assert (row["version"], row["canary"], row["share"]) == ("tumour:1", "tumour:2", 0.5)


def test_promoted_it_answers_everything_and_the_way_back_is_one_word(session, here, rows):
    session.deploy("tumour:2", to="clinic", share=0.2)
    assert session.promote("clinic").replaced == "tumour:1"
    assert set(asked(here, rows, 50).values()) == {"tumour:2"}
    assert session.rollback("clinic").version == "tumour:1"
    assert set(asked(here, rows, 50).values()) == {"tumour:1"}


def test_taken_back_it_answers_nothing_and_cannot_come_again_unasked(session, here, rows):
    session.deploy("tumour:2", to="clinic", share=0.9)
    back = session.rollback("clinic", reason="too bold")
    assert (back.version, back.replaced) == ("tumour:1", "tumour:2")
    assert set(asked(here, rows, 50).values()) == {"tumour:1"}
    with pytest.raises(Refused) as error:
        session.deploy("tumour:2", to="clinic", share=0.1)
    assert error.value.code == "not_approved"


def test_what_is_answered_by_a_canary_is_logged_as_its_answer(session, here, rows):
    session.deploy("tumour:2", to="clinic", share=0.5)
    told = asked(here, rows, 100)
    log = open_local(here).telemetry.read_predictions("clinic").to_pylist()
    assert {row["id"]: row["version"] for row in log} == told
    assert {(row["version"], row["role"]) for row in log} == {
        ("tumour:1", "champion"),
        ("tumour:2", "canary"),
    }


def test_each_step_is_in_the_audit_log(session):
    session.deploy("tumour:2", to="clinic", share=0.1)
    session.promote("clinic", reason="as good, and simpler")
    last = next(
        event
        for event in session.audit().to_dict()["items"]
        if event["action"] == "deployment:promotion:carried out"
    )
    assert last["before"] == {"version": "tumour:1", "share": 0.1}
    assert (last["after"]["version"], last["after"]["share"]) == ("tumour:2", 1.0)
    assert session.audit(verify=True).ok


@pytest.mark.parametrize("share", [0, -0.1, 1.5])
def test_a_share_that_is_none_is_refused(session, share):
    with pytest.raises(Invalid) as error:
        session.deploy("tumour:2", to="clinic", share=share)
    assert error.value.code == "share_invalid"


def test_one_is_tried_at_a_time_and_nothing_is_promoted_that_is_not(session):
    with pytest.raises(Refused) as error:
        session.promote("clinic")
    assert error.value.code == "nothing_to_promote"
    approved_again(session, 100.0)
    session.deploy("tumour:2", to="clinic", share=0.1)
    with pytest.raises(Conflict) as error:
        session.deploy("tumour:3", to="clinic")
    assert error.value.code == "canary_under_way"


def test_a_first_release_has_nobody_to_share_with(session):
    session.approve(session.request("tumour:2", for_deployment="elsewhere").id)
    with pytest.raises(Refused) as error:
        session.deploy("tumour:2", to="elsewhere", share=0.1)
    assert error.value.code == "nothing_live"


def test_a_share_written_into_the_store_by_another_hand_is_not_believed(session, here, rows):
    session.deploy("tumour:2", to="clinic", share=0.1)
    forger = open_local(here)
    with forger.engine.begin() as connection:
        connection.execute(text("UPDATE rollout SET share = 1.0 WHERE share < 1"))
        connection.execute(text("UPDATE request SET evidence = '{}' WHERE id = 2"))
    session.register(tumours()[0], name="other", train=tumours()[1], target="target")
    assert "tumour:1" in asked(here, rows, 200).values()
