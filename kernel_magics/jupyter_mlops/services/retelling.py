"""What a request means, in plain words, told from what a decision is bound to and from nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from jupyter_mlops.domain.decided import Document
from jupyter_mlops.locale import tell

_MOST = 30


def words(found: Document) -> list[str]:
    """Return what would be decided, line by line, for whoever decides."""
    bound, facts = found.bound, found.facts
    return [
        tell("Request {id}: {ref} for {deployment}, as {role}",
             id=bound["request"], ref=bound["ref"], deployment=bound["deployment"],
             role=bound["role"]),
        tell("digest: {digest}", digest=bound["manifest_digest"]),
        _replaces(found.evidence.get("replaces")),
        tell("asked by {who} at {at}: {reason}",
             who=facts.get("requested_by", "?"), at=facts.get("requested_at", "?"),
             reason=facts.get("reason") or tell("no reason was given")),
        *_policy(found),
        *_checks(found.evidence.get("checks")),
        *_metrics(found.evidence.get("metrics")),
        tell("a decision holds until {at}, for exactly this", at=bound["expires_at"]),
    ]  # fmt: skip


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


def _checks(told: Any) -> Iterator[str]:
    rows = told if isinstance(told, list) else []
    for row in rows[:_MOST]:
        if isinstance(row, Mapping):
            mark = {"passed": "✓", "failed": "✗"}.get(str(row.get("outcome")), "–")
            name = row.get("title") or row.get("name")
            yield tell("check {mark} {name} {figure}", mark=mark, name=name,
                       figure=row.get("figure") or "").rstrip()  # fmt: skip


def _metrics(told: Any) -> Iterator[str]:
    rows = told if isinstance(told, Mapping) else {}
    for name, figure in list(rows.items())[:_MOST]:
        value = figure.get("value") if isinstance(figure, Mapping) else figure
        yield tell("measured: {name} {value}", name=name, value=value)
