"""Versions are tagged, held and put away, each with its event; what is in use or held stays."""

import json
from datetime import timedelta

import pytest

from fakes import Clock
from jupyter_mlops.errors import Conflict, Invalid, NotFound, Refused
from jupyter_mlops.formats import bundle as container
from jupyter_mlops.services.aliases import aliases
from jupyter_mlops.services.approvals import reject, request
from jupyter_mlops.services.audit import audit
from jupyter_mlops.services.catalogue import models
from jupyter_mlops.services.holds import hold, holds
from jupyter_mlops.services.registry import show
from jupyter_mlops.services.retention import forget
from jupyter_mlops.services.retirement import called, retire
from jupyter_mlops.services.shelves import archive, tag
from jupyter_mlops.store import tables
from traffic import an_hour, approved, goes_live, live, people


@pytest.fixture(scope="module")
def made(shared_where):
    """A shop that serves churn:2, after churn:1; churn:3 waits for nothing, on each database."""
    clock = Clock()
    ws = live(shared_where, clock)
    clock.turn(hours=1)
    goes_live(ws, approved(shared_where, 0.5))
    clock.turn(hours=1)
    third = approved(shared_where, 0.25)
    reject_open(ws, third)
    yield ws
    ws.engine.dispose()


@pytest.fixture
def ws(made):
    return made


def reject_open(ws, ref):
    """Carry no request of this version on: it is only registered."""
    with ws.act("test:void", subject=ref) as act:
        number = int(ref.rpartition(":")[2])
        for row in act.session.query(tables.Request).all():
            version = act.session.get_one(tables.Version, row.version_id)
            if version.number == number:
                row.state = "void"
                act.session.add(row)


def actions(ws, words, limit=20):
    return [event["action"] for event in audit(ws, words, limit=limit)["items"]]


def test_tags_are_added_and_taken_away_and_found_by(ws):
    assert tag(ws, "churn:3", ("credit", "eu"))["tags"] == ["credit", "eu"]
    assert tag(ws, "churn:3", ("jp",), remove=("credit",))["tags"] == ["eu", "jp"]
    assert [row["ref"] for row in models(ws, "tag:jp")["items"]] == ["churn:3"]
    assert models(ws, "tag:credit")["items"] == []
    event = audit(ws, "tagging")["items"][0]
    assert (event["before"], event["after"]) == ({"tags": ["credit", "eu"]}, {"tags": ["eu", "jp"]})
    n = len(actions(ws, "tagging"))
    tag(ws, "churn:3", ("jp",))
    assert len(actions(ws, "tagging")) == n


@pytest.mark.parametrize("name", ["", "a b", "<b>", "x" * 101, "a\0", "タグ"])
def test_a_tag_is_a_name(ws, name):
    with pytest.raises(Invalid):
        tag(ws, "churn:3", (name,))


def test_a_version_has_no_more_tags_than_can_be_read(ws):
    with pytest.raises(Invalid, match="50 tags"):
        tag(ws, "churn:3", tuple(f"t{n}" for n in range(60)))


def test_an_alias_tells_what_it_meant_since_when_by_whom_and_why(ws):
    now, before = aliases(ws, "champion-of-shop")["items"]
    assert (now["alias"], now["ref"], now["until"]) == ("churn@champion-of-shop", "churn:2", "")
    assert (before["ref"], before["until"]) == ("churn:1", now["since"])
    assert now["by"]["id"] == "owner"
    assert show(ws, "churn@champion-of-shop")["ref"] == "churn:2"
    assert aliases(ws, "nothing")["items"] == []


def test_what_is_archived_is_listed_no_more_and_comes_back(ws):
    away = archive(ws, "churn:3", reason="never better")
    assert away["archived"]
    row = models(ws)["items"][0]
    assert (row["ref"], row["versions"]) == ("churn:2", 3)
    assert models(ws, "stage:archived")["items"] == []
    with pytest.raises(Refused) as refused:
        request(ws, "churn:3", for_deployment="shop")
    assert refused.value.code == "archived"
    event = audit(ws, "archiving")["items"][0]
    kept = container.unpack(ws.artifacts.get(event["after"]["bundle"]))
    assert json.loads(kept["version.json"])["digest"] == away["digest"]
    assert event["reason"] == "never better"
    back = archive(ws, "churn:3", undo=True)
    assert not back["archived"]
    assert models(ws)["items"][0]["ref"] == "churn:3"
    with pytest.raises(Conflict):
        archive(ws, "churn:3", undo=True)


@pytest.mark.parametrize(("ref", "code"), [("churn:2", "in_use"), ("churn:3", "requested")])
def test_what_serves_or_waits_is_not_archived(ws, ref, code):
    asked = None
    if code == "requested":
        asked = request(ws, ref, for_deployment="shop")
    with pytest.raises(Refused) as refused:
        archive(ws, ref)
    assert refused.value.code == code
    assert "version:archiving:refused" in actions(ws, "archiving")
    if asked:
        reject(ws, asked["id"])


def test_a_hold_stands_until_it_is_released_and_says_who_and_why(ws):
    told = hold(ws, "churn:3", because="case 2026-17")
    assert (told["subject"], told["by"]["id"]) == ("version:churn:3", "owner")
    assert show(ws, "churn:3")["held"] == "case 2026-17"
    with pytest.raises(Conflict) as refused:
        hold(ws, "churn:3", because="again")
    assert refused.value.code == "held_already"
    with pytest.raises(Refused) as refused:
        archive(ws, "churn:3")
    assert refused.value.code == "held"
    hold(ws, "churn:3", because="settled", release=True)
    assert show(ws, "churn:3")["held"] == ""
    row = holds(ws, "2026-17")["items"][0]
    assert row["released_at"]
    with pytest.raises(Conflict):
        hold(ws, "churn:3", because="settled", release=True)
    assert actions(ws, "hold", 50)[:2] == ["hold:release:refused", "hold:release:done"]


@pytest.mark.parametrize("because", ["", "  ", "x" * 2_001, "a\0b"])
def test_a_hold_says_why(ws, because):
    with pytest.raises(Invalid):
        hold(ws, "churn:3", because=because)


@pytest.mark.parametrize(
    "what", ["nowhere", "churn:99", "", "../x", "<b>", "a\0", "\ud800", "x" * 999]
)
def test_only_what_there_is_can_be_held(ws, what):
    with pytest.raises((Invalid, NotFound)):
        hold(ws, what, because="why")


@pytest.mark.parametrize("ref", ["a\0:1", "\ud800", "<b>", "x" * 999, ""])
def test_a_reference_that_is_none_is_refused_by_each_verb(ws, ref):
    for verb in (lambda: tag(ws, ref, ("x",)), lambda: archive(ws, ref)):
        with pytest.raises((Invalid, NotFound)):
            verb()
    with pytest.raises(Invalid):
        archive(ws, "churn:3", reason="a\0b")


def test_nothing_is_forgotten_of_what_is_held(ws):
    with ws.act("test:finding", subject="shop") as act:
        place = act.session.query(tables.Deployment).one()
        old = "2020-01-01T00:00:00.000000Z"
        act.session.add(
            tables.Finding(
                deployment_id=place.id, part="drift", subject="age", status="warning", why="",
                figures={}, version="churn:1", start=old, end=old, at=old,
            )
        )  # fmt: skip
    for what in ("shop", "churn:1"):
        hold(ws, what, because="case")
        assert forget(ws) == 0
        hold(ws, what, because="over", release=True)
    assert forget(ws) == 1


def test_who_still_calls_is_said_before_a_deployment_ends(ws):
    an_hour(ws, people(40, 5))
    with pytest.raises(Refused) as refused:
        retire(ws, "shop")
    assert refused.value.code == "still_called"
    assert f"{called(ws, 'shop')['requests']} requests with 40 rows" in refused.value.message
    hold(ws, "churn:1", because="case")
    with pytest.raises(Refused) as refused:
        retire(ws, "shop", anyway=True)
    assert refused.value.code == "held"
    hold(ws, "churn:1", because="over", release=True)
    told = retire(ws, "shop", anyway=True, reason="no shop any more")
    assert (told["state"], told["calls"]["rows"]) == ("retired", 40)
    parts = container.unpack(ws.artifacts.get(told["bundle"]))
    versions = json.loads(parts["versions.json"])
    assert list(versions) == ["churn:1", "churn:2"]
    for digest in versions.values():
        assert "decisions.json" in container.unpack(ws.artifacts.get(digest))
    past = json.loads(parts["deployment.json"])["rollouts"]
    assert [one["ref"] for one in past] == ["churn:1", "churn:2"]
    assert parts["events.jsonl"]
    with pytest.raises(Conflict):
        retire(ws, "shop", anyway=True)
    assert aliases(ws)["items"][0]["until"]


def test_who_called_long_ago_is_no_caller(ws):
    ws.clock.turn(days=8)
    assert called(ws, "shop")["requests"] == 0
    ws.clock.now -= timedelta(days=8)


def test_a_model_whose_every_version_is_archived_is_in_the_archive(ws):
    for number in (1, 2, 3):
        archive(ws, f"churn:{number}")
    assert models(ws)["items"] == []
    assert [row["ref"] for row in models(ws, "stage:archived")["items"]] == ["churn:3"]
    assert show(ws, "churn:1")["archived"]
