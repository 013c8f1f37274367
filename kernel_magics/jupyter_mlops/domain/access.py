"""Who acts, and how sure this place can be of it.

A workspace without an identity provider or pinned keys has exactly one person, whatever a kernel,
a panel or ``$USER`` claims; claims are kept as claims.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from jupyter_mlops.domain.answers import Assurance, Person

ASSURANCES: Final[tuple[Assurance, ...]] = ("recorded", "authenticated", "signed", "present")
OWNER: Final = "owner"

_LABELS: Final = {
    "recorded": "Self-recorded, not independent",
    "authenticated": "Approved by {name} (signed in)",
    "signed": "Signed by {name}'s key",
    "present": "Signed by {name}, present",
}

_SAID: Final = {
    "recorded": "Self-recorded, not independent",
    "authenticated": "Said by {name} (signed in)",
    "signed": "Said by {name} (signed in)",
    "present": "Said by {name} (signed in)",
}
"""What is said is signed by nobody's key, only decisions are."""


@dataclass(frozen=True)
class Actor:
    """Someone or something that acts: a person, or a service that never decides."""

    id: str
    kind: str = "person"
    assurance: Assurance = "recorded"
    claims: Mapping[str, str] = field(default_factory=dict)
    roles: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the form that is written into the audit log."""
        return {
            "id": self.id,
            "kind": self.kind,
            "assurance": self.assurance,
            "claims": dict(self.claims),
        }


def the_one_person(claims: Mapping[str, str]) -> Actor:
    """Return the only person a workspace without an identity provider can know."""
    return Actor(id=OWNER, claims=claims)


def reaches(assurance: Assurance, least: Assurance) -> bool:
    """Say whether one assurance is at least as strong as another."""
    return ASSURANCES.index(assurance) >= ASSURANCES.index(least)


def label(assurance: Assurance) -> str:
    """Return the template of the label that is shown wherever such a decision is shown."""
    return _LABELS[assurance]


def said_label(assurance: Assurance) -> str:
    """Return the template of the label beside what somebody said without deciding."""
    return _SAID[assurance]


def as_person(actor: Mapping[str, Any], *, label: str = "") -> Person:
    """Return an actor, as remembered, in the shape that answers carry."""
    return Person(
        id=str(actor["id"]),
        kind="service" if actor["kind"] == "service" else "person",
        assurance=actor["assurance"],
        claims=dict(actor.get("claims") or {}),
        label=label,
    )
