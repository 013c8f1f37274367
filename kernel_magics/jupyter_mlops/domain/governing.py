"""Changes of what holds here: who may make one at once, and what is frozen where somebody has to agree."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from jupyter_mlops.domain.access import Actor, reaches
from jupyter_mlops.domain.approvals import Asked
from jupyter_mlops.domain.policies import Subject

_POSITIONAL: Final = ("name", "deployment")
VERSION: Final = "version"
"""The kind of a request that asks for a version to serve somewhere."""


@dataclass(frozen=True)
class Proposed:
    """A change of what holds here, frozen: the word that makes it, with what, and what it replaces.

    ``before`` is the digest of what holds until then, so that nothing is carried out that was agreed
    to when something else held.
    """

    kind: Subject
    name: str
    verb: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    before: str = ""
    deployment: str = ""

    @property
    def ref(self) -> str:
        """Return what people call it."""
        return f"{self.kind}:{self.name}" if self.name else self.kind

    def canonical(self) -> str:
        """Return the one way to write this change, which its digest is of."""
        told = {
            "type": "jupyter-mlops/change/v1",
            "kind": self.kind,
            "name": self.name,
            "verb": self.verb,
            "arguments": dict(self.arguments),
            "before": self.before,
            "deployment": self.deployment,
        }
        return json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def as_typed(proposed: Proposed) -> str:
    """Return the words that make a change, as a person would type them.

    >>> as_typed(Proposed("retirement", "shop", "retire", {"deployment": "shop", "anyway": True}))
    '%mlops retire shop --anyway'
    """
    told = dict(proposed.arguments)
    text = str(told.pop("text", ""))
    words = [proposed.verb]
    for name, value in told.items():
        option = "--" + name.removesuffix("_code").replace("_", "-")
        if value is True:
            words.append(option)
        elif name in _POSITIONAL:
            words.append(str(value))
        elif value:
            words += [option, str(value)]
    line = " ".join(words)
    return f"%%mlops {line}\n{text.rstrip()}" if text else f"%mlops {line}"


def read_proposed(body: str) -> Proposed:
    """Return the change that was written by :meth:`Proposed.canonical`."""
    told = json.loads(body)
    del told["type"]
    return Proposed(**told)


def may_at_once(actor: Actor, asked: Asked, *, one_person: bool) -> bool:
    """Say whether doing it is all the decision it takes: one person, here, may decide alone."""
    return (
        actor.kind == "person"
        and asked.approvers == 1
        and not asked.roles
        and asked.distinct_roles <= 1
        and reaches(actor.assurance, asked.assurance)
        and (one_person or not asked.other_than_author)
    )
