"""The shapes of what is answered about policies."""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict

from jupyter_mlops.domain.registered import Assurance, Person, Risk


class Knows(TypedDict):
    """A person as the workspace knows them; ``keys`` are fingerprints, ``owner`` whom cells stand for."""

    id: str
    name: str
    roles: list[str]
    keys: list[str]
    users: list[str]
    until: str
    owner: bool


class PolicyRow(TypedDict):
    """A policy in force: its number (0 as it came with the workspace), what it speaks of and asks.

    ``speaks_of`` and ``needs`` say both in words; ``text`` is how it was written. The one called
    `people` holds ``people`` instead.
    """

    name: str
    number: int
    digest: str
    scope: dict[str, list[str]]
    asks: dict[str, Any]
    speaks_of: str
    needs: str
    text: str
    by: Person | None
    at: str
    people: NotRequired[list[Knows]]


class Could(TypedDict):
    """Somebody who could approve, and whether their approval would count; if not, why."""

    person: str
    roles: list[str]
    counts: bool
    because: str


class Who(TypedDict):
    """Who would have to approve a change, and why."""

    ref: str
    deployment: str
    role: str
    subject: str
    risk: Risk
    policies: list[str]
    approvers: int
    assurance: Assurance
    needs: str
    people: list[Could]
    missing: list[str]
    because: str


class Past(TypedDict):
    """A change of the past: what it would have needed, and whether what was given would have done."""

    id: int
    ref: str
    deployment: str
    at: str
    state: str
    needed: str
    given: str
    enough: bool
    because: str


class DryRun(TypedDict):
    """What past changes would have needed under a policy; nothing was written."""

    since: str
    changes: int
    short: int
    items: list[Past]


class Policies(TypedDict):
    """The policies in force; ``code`` names the ready-made ones that are shown and not in force.

    ``known`` are the people, where they were asked for.
    """

    items: list[PolicyRow]
    changed: bool
    code: str
    deciders: NotRequired[Who]
    past: NotRequired[DryRun]
    known: NotRequired[list[Knows]]
