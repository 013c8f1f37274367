"""What was champion, who had approved it, which rules applied, what the dashboard showed, at a moment."""

from __future__ import annotations

import dataclasses

import pytest

from fakes import Clock
from jupyter_mlops.domain.names import iso
from jupyter_mlops.errors import Invalid, NotFound, UsageError
from jupyter_mlops.papers.pages import PAGES
from jupyter_mlops.services import rollouts
from jupyter_mlops.services.aliases import aliases
from jupyter_mlops.services.approvals import approve, request, requests
from jupyter_mlops.services.catalogue import models
from jupyter_mlops.services.challengers import challengers
from jupyter_mlops.services.fleet import deployments
from jupyter_mlops.services.holds import hold, holds
from jupyter_mlops.services.humility import humility
from jupyter_mlops.services.overview import overview
from jupyter_mlops.services.policies import policy
from jupyter_mlops.services.registry import show
from jupyter_mlops.services.retirement import retire
from jupyter_mlops.services.rules import rules
from jupyter_mlops.services.workspace import open_local
from services.test_lineage import registered
from traffic import goes_live


@pytest.fixture(scope="module")
def lived(shared_where):
    """A workspace with a history, and a moment after each thing that happened in it."""
    ws = dataclasses.replace(open_local(shared_where), clock=Clock())
    yield ws, dict(_moments(ws))
    ws.engine.dispose()


def _moments(ws):
    deeds = {
        "begun": lambda: None,
        "registered": lambda: registered(ws, {}),
        "asked": lambda: request(ws, "tumour:1", for_deployment="clinic", reason="first"),
        "approved": lambda: approve(ws, 1, comment="fine"),
        "live": lambda: goes_live(ws, "tumour:1", name="clinic"),
        "ruled": lambda: rules(ws, "clinic", "objectives: {latency_p95_ms: 50}"),
        "held": lambda: hold(ws, "clinic", because="a lawsuit"),
        "firm": lambda: policy(ws, "firm", "for: {risk: high}\nasks: {approvers: 2}"),
        "replaced": lambda: _replaced(ws),
        "released": lambda: hold(ws, "clinic", because="settled", release=True),
        "retired": lambda: retire(ws, "clinic", reason="over"),
    }
    for name, deed in deeds.items():
        deed()
        ws.clock.turn(hours=1)
        yield name, iso(ws.clock.now)
        ws.clock.turn(hours=1)


def _replaced(ws):
    registered(ws, {}, strength=0.5)
    request(ws, "tumour:2", for_deployment="clinic", reason="better")
    approve(ws, 2)
    goes_live(ws, "tumour:2", name="clinic")


def row(ws, at):
    (found,) = deployments(ws, "clinic", as_of=at)["items"]
    return found


def test_what_was_champion_and_who_had_approved_it(lived):
    ws, then = lived
    assert deployments(ws, as_of=then["approved"])["items"] == []
    told = row(ws, then["live"])
    assert (told["version"], told["state"]) == ("tumour:1", "live")
    assert told["approved_by"] == ["owner"]
    assert row(ws, then["replaced"])["version"] == "tumour:2"
    assert row(ws, then["retired"])["state"] == "retired"
    assert row(ws, then["retired"])["version"] is None


def test_which_rules_applied(lived):
    ws, then = lived
    assert rules(ws, "clinic", as_of=then["live"])["number"] == 0
    told = rules(ws, "clinic", as_of=then["held"])
    assert (told["number"], told["objectives"]["latency_p95_ms"]) == (1, 50)


def test_rules_of_the_past_are_not_written(lived):
    ws, then = lived
    with pytest.raises(Invalid, match="only shown"):
        rules(ws, "clinic", "{}", as_of=then["live"])


def test_what_an_alias_meant_and_what_was_held(lived):
    ws, then = lived
    assert aliases(ws, as_of=then["approved"])["items"] == []
    (one,) = aliases(ws, as_of=then["held"])["items"]
    assert (one["ref"], one["until"], one["approved_by"]) == ("tumour:1", "", ["owner"])
    assert [told["ref"] for told in aliases(ws, as_of=then["replaced"])["items"]] == [
        "tumour:2",
        "tumour:1",
    ]
    assert holds(ws, as_of=then["ruled"])["items"] == []
    assert holds(ws, as_of=then["held"])["items"][0]["released_at"] == ""
    assert holds(ws, as_of=then["released"])["items"][0]["released_at"] != ""


def test_what_needed_a_person(lived):
    ws, then = lived
    asked = overview(ws, as_of=then["asked"])
    assert [found["id"] for found in asked["requests"]] == [1]
    assert asked["requests"][0]["state"] == "open"
    assert asked["requests"][0]["decisions"] == []
    assert overview(ws, as_of=then["approved"])["requests"] == []
    assert overview(ws, as_of=then["begun"])["headline"] == "Nothing is registered yet."


def test_which_models_there_were(lived):
    ws, then = lived
    assert models(ws, as_of=then["begun"])["items"] == []
    (first,) = models(ws, as_of=then["live"])["items"]
    assert (first["ref"], first["versions"], first["deployments"]) == ("tumour:1", 1, ["clinic"])
    (later,) = models(ws, as_of=then["replaced"])["items"]
    assert (later["ref"], later["versions"]) == ("tumour:2", 2)


def test_what_scored_beside_and_what_rules_said(lived):
    ws, then = lived
    assert challengers(ws, "clinic", as_of=then["held"])["version"] == "tumour:1"
    assert humility(ws, "clinic", as_of=then["replaced"])["version"] == "tumour:2"


@pytest.mark.parametrize("page", sorted(PAGES))
def test_what_a_page_showed(lived, page):
    ws, then = lived
    at = ws.clock.now.fromisoformat(then["held"])
    told = PAGES[page](ws, now=at, as_of=then["held"])
    assert "tumour:1" in repr(told)
    assert "tumour:2" not in repr(told["title"]) + repr(told["headline"])


def test_now_is_what_the_newest_moment_shows(lived):
    ws, then = lived
    assert rollouts.served(ws) == []
    now = {key: value for key, value in row(ws, None).items() if key != "because"}
    told = {key: value for key, value in row(ws, then["retired"]).items() if key != "because"}
    assert told == now


def test_how_a_request_stood(lived):
    ws, then = lived

    def stood(moment):
        return [(one["id"], one["state"]) for one in requests(ws, as_of=then[moment])["items"]]

    assert stood("registered") == []
    assert stood("asked") == [(1, "open")]
    assert stood("approved") == [(1, "approved")]
    assert stood("live") == [(1, "carried out")]
    assert stood("replaced") == [(2, "carried out"), (1, "carried out")]
    assert requests(ws, "1", as_of=then["asked"])["items"][0]["decisions"] == []
    assert requests(ws, "approved", as_of=then["asked"])["items"] == []


def test_which_policies_were_in_force(lived):
    ws, then = lived
    assert [one["name"] for one in policy(ws, as_of=then["live"])["items"]] == [
        "low",
        "moderate",
        "high",
        "critical",
    ]
    assert policy(ws, "firm", as_of=then["replaced"])["items"][0]["asks"]["approvers"] == 2
    with pytest.raises(NotFound, match="No policy is called firm"):
        policy(ws, "firm", as_of=then["held"])
    with pytest.raises(UsageError, match="only shown"):
        policy(ws, "firm", "asks: {approvers: 3}", as_of=then["held"])


def test_where_a_version_served(lived):
    ws, then = lived
    assert show(ws, "tumour:1", as_of=then["approved"])["deployments"] == []
    assert show(ws, "tumour:1", as_of=then["live"])["deployments"] == ["clinic"]
    assert show(ws, "tumour@champion-of-clinic", as_of=then["replaced"])["ref"] == "tumour:2"
