"""Nobody serves what is not approved for exactly these bytes: whatever is done, in whatever order.

Hypothesis makes up what people do, a small model says what has to come of it, and after every step
store, server and audit log are compared with it. ``JUPYTER_MLOPS_TEST_STORIES=1000`` tells more of them.
"""

# ruff: noqa: D102, S608 - rules are sentences, and the SQL is what an attacker would write

import os
from dataclasses import replace
from functools import cache
from itertools import count

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sklearn.base import clone
from sqlalchemy import text
from sqlmodel import func, select

from approving import MOST_CHALLENGERS, VALID_DAYS, Asked, Place, Server, Version, World
from fakes import Clock
from jupyter_mlops import open_workspace
from jupyter_mlops.domain.access import Actor
from jupyter_mlops.errors import MlopsError
from jupyter_mlops.services import approvals, checks, deployments, proof, registry
from jupyter_mlops.services.audit import audit
from jupyter_mlops.services.workspace import open_local
from jupyter_mlops.store import tables
from stories import tumours
from tampered import Untriggered

FEW = 5
STORIES = int(os.environ.get("JUPYTER_MLOPS_TEST_STORIES") or FEW)
PEOPLE = ("ann", "ben", "cem")
DAY = 86_400
NUMBERS = count()
DEPLOYMENTS = st.sampled_from(["shop", "clinic"])
PICK = st.integers(0, 11)
"""Which of those there are."""
ROLES = st.sampled_from(["champion", "champion", "challenger"])

VERDICTS = st.sampled_from(["approved", "approved", "approved", "rejected"])


def add_a_space(old):
    return old + " "


def none_needed(old):
    return old.replace('"approvers":1', '"approvers":0')


def of_other_bytes(old):
    return old.replace('"manifest":"sha256:', '"manifest":"sha256:0')


def no_statement(_old):
    return "approved!"


def of_something_else(_old):
    return '{"request": [], "verdict": null}'


STATEMENTS = [of_other_bytes, no_statement, of_something_else]


def of_version(ref):
    name, number = ref.split(":")
    return f"number = {number} AND model_id = (SELECT id FROM model WHERE name = '{name}')"


@cache
def packed(variant):
    """Return what registering a variant of the tumour model would send."""
    model, train, _ = tumours()
    features = train.drop(columns="target")
    made = (
        clone(model).set_params(logisticregression__C=10.0**variant).fit(features, train["target"])
    )
    with open_workspace("http://127.0.0.1:9/") as nowhere:
        return nowhere.prepared(
            "register", {"model": made, "name": "x", "target": "target", "train": train}
        )


class Approving(RuleBasedStateMachine):
    """People who register, ask, decide and deploy, and somebody who edits rows."""

    ws, server, passes = None, Server(), True

    @initialize()
    def begin(self):
        self.story = next(NUMBERS)
        self.world = World(lambda: self.ws.clock().timestamp())
        self.broken = {}
        self.events = 0
        for at, who in enumerate(("ann", "ben", "ann", "ben")):
            self.register(who, at // 2, careful=bool(at % 2))
        for pick in (0, 2):  # two champions, one after the other, from which to go on
            self.goes_all_the_way(pick, "shop", "champion")

    def does(self, who, deed, *said, expected, **more):
        """Do something; it has to be refused when the model says so, with an event of its own."""
        kind = "service" if who == "robot" else "person"
        before = audit(self.ws, limit=1)["items"][0]["seq"]
        try:
            told = deed(self.ws.as_actor(Actor(who, kind=kind)), *said, **more)
        except MlopsError as error:
            assert not expected, error  # noqa: PT017 - what was expected is told with it
            newest = [event for event in audit(self.ws, limit=5)["items"] if event["seq"] > before]
            assert any(event["action"].endswith(":refused") for event in newest)
            return None
        assert expected, (deed.__name__, said, more)
        return told

    def name(self, what):
        return f"{what}-{self.story}"

    def version(self, pick):
        known = list(self.world.versions)
        return known[pick % len(known)]

    def asked(self, pick):
        """Return one of the requests there are, the newest first; none where there is none."""
        known = list(self.world.asked.values())[::-1]
        return known[pick % len(known)] if known else None

    @rule(who=st.sampled_from(PEOPLE), variant=st.integers(0, 2), careful=st.booleans())
    def register(self, who, variant, careful):
        prepared = packed(variant)
        for blob in prepared.blobs:
            self.ws.artifacts.put(blob)
        said = {**prepared.arguments, "name": self.name("careful" if careful else "plain"),
                "target": "target", "risk": "moderate" if careful else "low"}  # fmt: skip
        told = self.does(who, registry.register, expected=True, **said)
        assert told["new"] == (told["ref"] not in self.world.versions)
        made = Version(told["ref"], who, careful, told["digest"])
        self.world.versions.setdefault(made.ref, made)

    @rule(who=st.sampled_from(PEOPLE), pick=PICK, name=DEPLOYMENTS, role=ROLES,
          passes=st.sampled_from([True, True, True, False]))  # fmt: skip
    def requests(self, who, pick, name, role, passes):
        ref, where = self.version(pick), self.name(name)
        may = ref not in self.world.forged and self.world.may_ask(ref, where, role)
        Approving.passes = passes
        told = self.does(who, approvals.request, ref, for_deployment=where, role=role, expected=may)
        if told is not None:
            until = self.world.now() + VALID_DAYS * DAY
            asked = Asked(told["id"], ref, where, role, who, passes, until)
            self.world.asked[asked.id] = asked

    @precondition(lambda self: self.world.asked)
    @rule(who=st.sampled_from([*PEOPLE, "robot"]), pick=PICK, verdict=VERDICTS)
    def decides(self, who, pick, verdict):
        self.decide(who, self.asked(pick), verdict)

    def decide(self, who, asked, verdict):
        may = self.world.may_say(who, asked, verdict)
        deed = approvals.approve if verdict == "approved" else approvals.reject
        if self.does(who, deed, asked.id, expected=may) is not None:
            asked.said[who], asked.state = verdict, verdict

    @precondition(lambda self: self.world.asked)
    @rule(pick=PICK)
    def deploys_what_was_asked(self, pick):
        asked = self.asked(pick)
        self.carry_out(asked.version, asked.deployment, asked.role)

    @rule(pick=PICK, name=DEPLOYMENTS, role=ROLES)
    def deploys_anything(self, pick, name, role):
        self.carry_out(self.version(pick), self.name(name), role)

    @rule(pick=PICK, name=DEPLOYMENTS, role=ROLES)
    def goes_all_the_way(self, pick, name, role):
        """The usual way, from which much of the rest begins."""
        self.requests("ann", pick, name, role, passes=True)
        for who in ("cem", "ben"):
            self.decide(who, self.asked(0), "approved") if self.world.asked else None
        self.carry_out(self.version(pick), self.name(name), role)

    def carry_out(self, ref, where, role):
        world = self.world
        asked, place = world.usable(ref, where, role), world.places.get(where)
        may = asked is not None and world.holds(ref, asked.id)
        if role == "challenger":
            there = place.challengers if place else {}
            may = may and bool(place) and ref not in there and len(there) < MOST_CHALLENGERS
        said = {"to": where, "role": role, "gate": "swap" if role == "champion" else "auto"}
        if self.does("ann", deployments.deploy, ref, expected=bool(may), **said) is not None:
            world.places.setdefault(where, Place())
            world.goes_live(asked, ref, role)

    @rule(name=DEPLOYMENTS)
    def rolls_back(self, name):
        place = self.world.places.get(self.name(name))
        before = place.before() if place else None
        asked = next(n for ref, n in place.past if ref == before) if before else None
        may = before is not None and self.world.holds(before, asked)
        if self.does("ben", deployments.rollback, self.name(name), expected=may) is not None:
            place.past.append((before, asked))
            place.challengers.pop(before, None)

    @rule(name=DEPLOYMENTS, pick=PICK)
    def promotes(self, name, pick):
        where, ref = self.name(name), self.version(pick)
        place = self.world.places.get(where)
        if place and place.challengers:
            ref = list(place.challengers)[pick % len(place.challengers)]
        asked = self.world.usable(ref, where, "champion")
        may = bool(place) and ref in place.challengers and asked is not None
        may = may and self.world.holds(ref, asked.id)
        told = self.does("cem", deployments.promote, where, ref=ref, expected=may)
        if told is not None:
            self.world.goes_live(asked, ref, "champion")

    @rule(days=st.sampled_from([1, 7, VALID_DAYS]))
    def time_passes(self, days):
        self.ws.clock.turn(days=days)

    # somebody edits rows, and somebody mends them again

    @rule(pick=PICK)
    def edits_a_version(self, pick):
        ref = self.version(pick)
        self.edit("version", "manifest", of_version(ref), add_a_space, self.world.forged, ref)

    @rule(careful=st.booleans())
    def edits_a_policy(self, careful):
        where = f"risk = '{'moderate' if careful else 'low'}'"
        self.edit("policy", "body", where, none_needed, self.world.policies, careful)

    @precondition(lambda self: self.world.asked)
    @rule(pick=PICK)
    def edits_the_evidence(self, pick):
        asked = self.asked(pick)
        self.edit("request", "evidence", f"id = {asked.id}", add_a_space, asked.forged, "evidence")

    @precondition(lambda self: any(asked.said for asked in self.world.asked.values()))
    @rule(pick=PICK, change=st.sampled_from(STATEMENTS))
    def edits_a_decision(self, pick, change):
        said = [asked for asked in self.world.asked.values() if asked.said][::-1]
        asked = said[pick % len(said)]
        where = f"request_id = {asked.id}"
        self.edit("decision", "statement", where, change, asked.forged, "decision")

    @precondition(lambda self: any(one.state == "open" for one in self.world.asked.values()))
    @rule(pick=PICK)
    def claims_an_approval(self, pick):
        """A request that is said to be approved, which nobody did, carries nothing out."""
        still = [asked for asked in self.world.asked.values() if asked.state == "open"]
        asked = still[pick % len(still)]
        self.write("request", "state", f"id = {asked.id}", "approved")
        self.carry_out(asked.version, asked.deployment, asked.role)
        self.nobody_serves_what_is_not_approved_for_these_bytes()
        self.write("request", "state", f"id = {asked.id}", "open")

    @precondition(lambda self: self.world.places)
    @rule(name=DEPLOYMENTS, pick=PICK)
    def points_elsewhere(self, name, pick):
        """What is live is made to be another version of other bytes: nobody serves that."""
        place, ref = self.world.places.get(self.name(name)), self.version(pick)
        digests = {name: version.digest for name, version in self.world.versions.items()}
        if not place or digests[place.past[-1][0]] == digests[ref]:
            return
        live = (
            "state = 'live' AND share >= 1 AND deployment_id ="
            f" (SELECT id FROM deployment WHERE name = '{self.name(name)}')"
        )
        for to in (ref, place.past[-1][0]):
            with Untriggered(self.ws, "rollout") as connection:
                told = f"(SELECT id FROM version WHERE {of_version(to)})"
                connection.execute(text(f"UPDATE rollout SET version_id = {told} WHERE {live}"))
            assert (self.name(name), "champion", ref) not in self.server.serves(
                self.ws, self.name("")
            )

    @precondition(lambda self: self.broken)
    @rule(pick=PICK)
    def mends(self, pick):
        self.mend(list(self.broken)[pick % len(self.broken)])

    def mend(self, place):
        old, kept, thing = self.broken.pop(place)
        self.write(*place, old)
        kept.discard(thing)

    def edit(self, table, column, where, change, kept, thing):
        """Change a row below the product, and remember how to mend it."""
        place = (table, column, where)
        if place in self.broken:
            return
        with self.ws.engine.connect() as connection:
            query = text(f"SELECT {column} FROM {table} WHERE {where}")
            old = connection.execute(query).scalar()
        self.broken[place] = (old, kept, thing)
        kept.add(thing)
        self.write(*place, change(old))

    def write(self, table, column, where, value):
        with Untriggered(self.ws, table) as connection:
            told = text(f"UPDATE {table} SET {column} = :value WHERE {where}")
            connection.execute(told, {"value": value})

    def teardown(self):
        for place in list(self.broken):
            self.mend(place)

    @invariant()
    def nobody_serves_what_is_not_approved_for_these_bytes(self):
        assert self.server.serves(self.ws, self.name("")) == self.world.served()

    @invariant()
    def store_and_chain_say_what_they_should(self):
        self.requests_are_in_the_state_they_should_be()
        self.an_approval_carries_one_rollout()
        self.the_chain_is_whole_and_only_grows()

    def requests_are_in_the_state_they_should_be(self):
        with self.ws.look() as session:
            for number, asked in self.world.asked.items():
                row = session.get_one(tables.Request, number)
                state = "expired" if self.world.expired(asked) else asked.state
                assert proof.state_of(row, now=self.ws.now()) == state

    def an_approval_carries_one_rollout(self):
        with self.ws.look() as session:
            asked = tables.Rollout.request_id
            query = select(asked).where(tables.Rollout.action == "deploy")
            assert session.exec(query.group_by(asked).having(func.count() > 1)).all() == []

    def the_chain_is_whole_and_only_grows(self):
        told = audit(self.ws, verify=True, limit=1)
        assert told["ok"]
        assert told["events"] >= self.events
        self.events = told["events"]


@pytest.fixture
def told(shared_where, monkeypatch):
    """The machine on a workspace whose release checks say what the story wants, without a process."""
    ws = replace(open_local(shared_where), clock=Clock())

    def run(_ws, _ref, *_where):
        outcome = "passed" if Approving.passes else "failed"
        return [{"check": "artifact", "title": "", "outcome": outcome, "figure": "", "because": "",
                 "values": {}}]  # fmt: skip

    monkeypatch.setattr(checks, "run", run)
    monkeypatch.setattr(deployments, "carried", Approving.server.carried)
    yield type("Told", (Approving,), {"ws": ws})
    ws.engine.dispose()


def test_whatever_people_do_what_serves_was_approved_for_its_very_bytes(told):
    if STORIES == FEW:
        told = seed(FEW)(told)  # the same ones each time
    run_state_machine_as_test(
        told,
        settings=settings(
            max_examples=STORIES,
            stateful_step_count=30,
            deadline=None,
            database=None,
            phases=[
                Phase.generate
            ],  # a story is short enough to be read, and long to be tried again
            suppress_health_check=list(HealthCheck),
        ),
    )
