"""What registry, approvals and deployments promise, as a model of a hundred lines; and the server's part."""

# ruff: noqa: D101, D102 - the sentences stand in the names

from __future__ import annotations

from dataclasses import dataclass, field

from jupyter_mlops.errors import MlopsError, Refused
from jupyter_mlops.services import rollouts

VALID_DAYS = 14
MOST_CHALLENGERS = 3


@dataclass
class Version:
    ref: str
    author: str
    careful: bool
    digest: str


@dataclass
class Asked:
    """A request: what it is for, who asked, what people said, and whether somebody forged its rows."""

    id: int
    version: str
    deployment: str
    role: str
    requester: str
    passes: bool
    until: float
    state: str = "open"
    said: dict = field(default_factory=dict)
    forged: set = field(default_factory=set)

    @property
    def granted(self):
        return "approved" in self.said.values() and "decision" not in self.forged


@dataclass
class Place:
    """A deployment: every champion it had, oldest first, and its challengers; each with its request."""

    past: list = field(default_factory=list)
    challengers: dict = field(default_factory=dict)

    def before(self):
        """Return the champion that a rollback leads to: what was live before this one first was."""
        lived = [ref for ref, _ in self.past]
        first = lived.index(lived[-1]) if lived else 0
        return self.past[first - 1][0] if first else None


class World:
    """What should be so."""

    def __init__(self, now):
        self.now = now
        self.versions, self.asked, self.places = {}, {}, {}
        self.forged = set()  # versions whose bytes are others now
        self.policies = set()  # risks whose policy says something else now

    def expired(self, asked):
        return asked.state in ("open", "approved") and self.now() >= asked.until

    def policy_holds(self, asked):
        return self.versions[asked.version].careful not in self.policies

    def may_ask(self, ref, deployment, role):
        same = [
            one for one in self.asked.values()
            if (one.version, one.deployment, one.role, one.state) == (ref, deployment, role, "open")
        ]  # fmt: skip
        return not any(self.now() < one.until for one in same) and (
            self.versions[ref].careful not in self.policies
        )

    def may_say(self, who, asked, verdict):
        if asked.state != "open" or self.expired(asked) or who == "robot" or who in asked.said:
            return False
        if not self.policy_holds(asked):
            return False
        version = self.versions[asked.version]
        own = who in (version.author, asked.requester)
        return verdict == "rejected" or (asked.passes and not (version.careful and own))

    def usable(self, ref, deployment, role):
        """Return the newest request for this, when it lets the version be carried out now."""
        same = [
            one for one in self.asked.values()
            if (one.version, one.deployment, one.role) == (ref, deployment, role)
        ]  # fmt: skip
        asked = same[-1] if same else None
        if asked is None or asked.state != "approved" or self.expired(asked):
            return None
        return asked if asked.granted and self.policy_holds(asked) else None

    def holds(self, ref, request):
        """Say whether what was approved is still what would be served."""
        asked = self.asked[request]
        return (
            ref not in self.forged
            and asked.granted
            and "evidence" not in asked.forged
            and self.policy_holds(asked)
        )

    def served(self):
        """Return what may be served: deployment, role, version."""
        found = set()
        for name, place in self.places.items():
            if place.past and self.holds(*place.past[-1]):
                found.add((name, "champion", place.past[-1][0]))
            found |= {
                (name, "challenger", ref)
                for ref, request in place.challengers.items()
                if self.holds(ref, request)
            }
        return found

    def goes_live(self, asked, ref, role):
        place = self.places[asked.deployment]
        asked.state = "carried out"
        if role == "challenger":
            place.challengers[ref] = asked.id
        else:
            place.past.append((ref, asked.id))
            place.challengers.pop(ref, None)


class Server:
    """Does what the prediction server does with what the store says: verifies it, and only then serves."""

    def carried(self, ws, rollout, deployment, replaced, began, *, because=""):
        """Carry a rollout out, as the deed that waits for it sees it."""
        try:
            rollouts.carry_out(ws, rollout)
        except MlopsError as error:
            rollouts.fail(ws, rollout, error.message)
            raise Refused("It was not carried out.", code="rollout_failed") from error
        return {"rollout": rollout}

    def serves(self, ws, of):
        """Return what it serves: what is live in the store and proves itself; of one story."""
        found = set()
        for item in (*rollouts.served(ws), *rollouts.beside(ws)):
            if not item.deployment.endswith(of):
                continue
            try:
                rollouts.verify(ws, item.rollout)
            except MlopsError:
                continue
            assert item.state == "live"
            found.add((item.deployment, item.role, item.ref))
        return found
