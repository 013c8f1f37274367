"""What a request means, in plain words, told from what a decision is bound to and from nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from jupyter_mlops.domain.decided import Document
from jupyter_mlops.domain.governing import as_typed
from jupyter_mlops.locale import tell
from jupyter_mlops.services.release.findings import filled

_MOST: Final = 30
_LONGEST: Final = 1_000
_FIELD: Final = re.compile(r"\{\w+(:[.,\dbdefgs%]{0,4})?\}")


def words(found: Document) -> list[str]:
    """Return what would be decided, line by line, for whoever decides."""
    bound, facts = found.bound, found.facts
    return [
        *_subject(found),
        tell("digest: {digest}", digest=bound["manifest_digest"]),
        tell("asked by {who} at {at}: {reason}",
             who=facts.get("requested_by", "?"), at=facts.get("requested_at", "?"),
             reason=facts.get("reason") or tell("no reason was given")),
        *_policy(found),
        *checks(found.evidence.get("checks")),
        *_metrics(found.evidence.get("metrics")),
        tell("a decision holds until {at}, for exactly this", at=bound["expires_at"]),
    ]  # fmt: skip


def _subject(found: Document) -> Iterator[str]:
    """Say what it is about: the words that would change something here, or a version and its place."""
    bound = found.bound
    if found.change is not None:
        yield tell(
            "Request {id}: {ref} would be changed so:", id=bound["request"], ref=bound["ref"]
        )
        yield from as_typed(found.change).splitlines()
        return
    yield tell("Request {id}: {ref} for {deployment}, as {role}",
               id=bound["request"], ref=bound["ref"], deployment=bound["deployment"],
               role=bound["role"])  # fmt: skip
    yield _replaces(found.evidence.get("replaces"))


def _replaces(ref: Any) -> str:
    return tell("it would replace {ref}", ref=ref) if ref else tell("nothing answers there yet")


def _policy(found: Document) -> Iterator[str]:
    policy = found.policy
    yield tell(
        "policy: {n} approvals at assurance '{assurance}', risk {risk}",
        n=policy.approvers,
        assurance=policy.assurance,
        risk=policy.risk,
    )
    if policy.other_than_author:
        yield tell("nobody approves their own work")
    if policy.distinct_roles > 1:
        yield tell("by people of {n} different roles", n=policy.distinct_roles)
    if policy.roles:
        yield tell("one each of: {roles}", roles=", ".join(policy.roles))


def checks(told: Any) -> Iterator[str]:
    """Say what release checks found, a line each; the rows may be anything."""
    found = told if isinstance(told, list) else []
    for row in found[:_MOST]:
        if isinstance(row, Mapping):
            mark = {"passed": "✓", "failed": "✗"}.get(str(row.get("outcome")), "–")
            values = row.get("values")
            told = values if isinstance(values, Mapping) else {}
            name = _filled(row.get("title") or row.get("name"), {})
            yield tell("check {mark} {name} {figure}", mark=mark, name=name,
                       figure=_filled(row.get("figure"), told)).rstrip()  # fmt: skip


def _filled(template: Any, values: Mapping[str, Any]) -> str:
    """Return a sentence of a check in the reader's language; one that does not fit stays as it is.

    The file may come from anybody: a template names values, and asks for nothing else of them.
    """
    text = str(template or "")[:_LONGEST]
    plain = {name: value for name, value in values.items() if isinstance(value, str | int | float)}
    if not {"{", "}"}.isdisjoint(_FIELD.sub("", text)):
        return text
    try:
        return filled(text, plain)
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        return text


def _metrics(told: Any) -> Iterator[str]:
    rows = told if isinstance(told, Mapping) else {}
    for name, figure in list(rows.items())[:_MOST]:
        value = figure.get("value") if isinstance(figure, Mapping) else figure
        yield tell("measured: {name} {value}", name=name, value=value)
