"""The verbs there are, as the generated grammar describes them; no service is imported."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

from jupyter_mlops.errors import UsageError, did_you_mean

HOMES: Final = (
    "jupyter_mlops.services.overview",
    "jupyter_mlops.commands.here",
    "jupyter_mlops.services.registry",
    "jupyter_mlops.services.catalogue",
    "jupyter_mlops.services.compared",
    "jupyter_mlops.services.aliases",
    "jupyter_mlops.services.shelves",
    "jupyter_mlops.services.holds",
    "jupyter_mlops.services.bundles",
    "jupyter_mlops.services.unbundling",
    "jupyter_mlops.services.importing",
    "jupyter_mlops.services.lineage",
    "jupyter_mlops.services.openlineage",
    "jupyter_mlops.services.reproducing",
    "jupyter_mlops.services.checks",
    "jupyter_mlops.services.policies",
    "jupyter_mlops.services.approvals",
    "jupyter_mlops.services.decisions",
    "jupyter_mlops.commands.deciding",
    "jupyter_mlops.services.commenting",
    "jupyter_mlops.services.withdrawals",
    "jupyter_mlops.services.deployments",
    "jupyter_mlops.services.fleet",
    "jupyter_mlops.services.retirement",
    "jupyter_mlops.services.rules",
    "jupyter_mlops.services.server",
    "jupyter_mlops.services.watching",
    "jupyter_mlops.services.scoring",
    "jupyter_mlops.services.monitoring",
    "jupyter_mlops.services.service",
    "jupyter_mlops.services.drift",
    "jupyter_mlops.services.accuracy",
    "jupyter_mlops.services.challengers",
    "jupyter_mlops.services.humility",
    "jupyter_mlops.services.alerts",
    "jupyter_mlops.services.notifying",
    "jupyter_mlops.services.audit",
    "jupyter_mlops.services.anchors",
    "jupyter_mlops.services.receipts",
    "jupyter_mlops.services.subjects",
    "jupyter_mlops.services.erasure",
    "jupyter_mlops.services.masks",
    "jupyter_mlops.services.lifetimes",
    "jupyter_mlops.commands.planned",
    "jupyter_mlops.papers.documents",
    "jupyter_mlops.papers.pages",
    "jupyter_mlops.papers.tour",
    "jupyter_mlops.services.backups.writing",
    "jupyter_mlops.commands.keeping",
)
"""The modules that hold verbs, in the order people meet them."""

GRAMMAR: Final = Path(__file__).with_name("grammar.json")


@dataclass(frozen=True)
class Param:
    """One argument of a verb: how it is typed, checked and carried."""

    name: str
    option: str
    positional: bool
    required: bool
    default: Any
    type: Literal["string", "integer", "number", "boolean", "array", "object", "any"]
    kind: str = ""
    live: bool = False
    writes: bool = False
    choices: tuple[str, ...] = ()

    @property
    def takes_all(self) -> bool:
        """Say whether it takes every word that is left, not one."""
        return self.positional and self.type == "array"

    @property
    def shown(self) -> str:
        """Return the argument as people type it."""
        if self.takes_all:
            return f"{self.name.upper()} …"
        return self.name.upper() if self.positional else self.option


@dataclass(frozen=True)
class Verb:
    """One word people say, and the function behind it."""

    name: str
    does: Literal["read", "deed"]
    said: Literal["anywhere", "here"]
    of: Literal["workspace", "session"]
    module: str
    function: str
    prepare: str | None
    finish: str | None
    answer: str
    summary: str
    help: str
    params: tuple[Param, ...]

    def param(self, name: str) -> Param | None:
        """Return the argument of that name, if there is one."""
        return next((param for param in self.params if param.name == name), None)

    @property
    def may_be_posted(self) -> bool:
        """Say whether an argument is a table, which no address can hold, or has something written."""
        return any(param.live or param.writes for param in self.params)

    def is_posted(self, arguments: Mapping[str, Any]) -> bool:
        """Say whether it changes something, or holds too much for an address, as it is said here."""
        return self.does == "deed" or any(
            (param.writes and bool(arguments.get(param.name)))
            or (param.live and isinstance(arguments.get(param.name), list | dict))
            for param in self.params
        )

    @property
    def usage(self) -> str:
        """Return the line that shows how the verb is typed."""
        return " ".join([self.name, *(_typed(param) for param in self.params)])


Words = Mapping[str, Verb]


@cache
def verbs() -> Words:
    """Return every verb of the product by its name, read from the generated file."""
    return read_grammar(GRAMMAR.read_text(encoding="utf-8"))


def read_grammar(text: str) -> Words:
    """Return the verbs that a grammar file describes."""
    return {told["name"]: _verb(told) for told in json.loads(text)["verbs"]}


def verb_named(name: str, known: Words) -> Verb:
    """Return the verb of that name.

    Raises:
        UsageError: there is none; the hint names the closest.
    """
    if name in known:
        return known[name]
    meant = did_you_mean(name, known)
    raise UsageError(
        "{name} is not a word of ours.",
        "Did you mean {meant}?" if meant else "the words are: {words}.",
        code="verb_unknown",
        name=name or "''",
        meant=meant,
        words=", ".join(known),
    )


def _verb(told: dict[str, Any]) -> Verb:
    params = tuple(
        Param(**{**param, "choices": tuple(param["choices"])}) for param in told["params"]
    )
    return Verb(**{**told, "params": params})


def _typed(param: Param) -> str:
    if param.positional:
        shown = param.shown
    elif param.type == "boolean":
        shown = param.option
    else:
        shown = f"{param.option} {'|'.join(param.choices) or (param.kind or param.name).upper()}"
    return shown if param.required else f"[{shown}]"
