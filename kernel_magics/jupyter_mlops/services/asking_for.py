"""What a policy speaks of and asks for, in the reader's words."""

from __future__ import annotations

from collections.abc import Iterator

from jupyter_mlops.domain.approvals import Asked
from jupyter_mlops.domain.policies import Scope
from jupyter_mlops.locale import tell


def needs(asked: Asked) -> str:
    """Return all that is asked for, as sentences."""
    return " ".join([decisions(asked), *evidence(asked), *_afterwards(asked)])


def decisions(asked: Asked) -> str:
    """Return who has to decide."""
    return " ".join(_decisions(asked))


def _decisions(asked: Asked) -> Iterator[str]:
    if asked.approvers > 1:
        yield tell(
            "{n} people at assurance '{assurance}'.", n=asked.approvers, assurance=asked.assurance
        )
    elif asked.assurance != "recorded":
        yield tell("One decision at assurance '{assurance}'.", assurance=asked.assurance)
    elif asked.other_than_author:
        yield tell(
            "One decision by somebody other than author and requester; in a workspace of one"
            " person that person may decide, and the decision is labelled so."
        )
    else:
        yield tell("One decision.")
    if asked.roles:
        yield tell("A person of their own for each of: {roles}.", roles=", ".join(asked.roles))
    elif asked.distinct_roles > 1:
        yield tell("They are of {n} different roles.", n=asked.distinct_roles)


def evidence(asked: Asked) -> list[str]:
    """Return what has to be shown of a version, a sentence each."""
    found = []
    if asked.checks:
        found.append(tell("Passed: {names}.", names=", ".join(asked.checks)))
    if asked.documents:
        found.append(tell("Complete: {names}.", names=", ".join(asked.documents)))
    if asked.protected:
        found.append(tell("Fairness measured in: {names}.", names=", ".join(asked.protected)))
    if asked.fairness:
        floors = ", ".join(f"{measure} ≥ {floor:g}" for measure, floor in asked.fairness)
        found.append(tell("Floors of fairness: {floors}.", floors=floors))
    return found


def _afterwards(asked: Asked) -> Iterator[str]:
    if asked.review_days:
        yield tell("Approved again every {n} days.", n=asked.review_days)
    if asked.on_timeout == "reject":
        yield tell("Rejected when nobody decides within {n} days.", n=asked.valid_days)
    if asked.on_timeout == "escalate":
        yield tell("Told to others when nobody decides within {n} days.", n=asked.valid_days)
    if asked.tell:
        yield tell("Hears of it: {names}.", names=", ".join(asked.tell))


def scope(found: Scope) -> str:
    """Return what a policy speaks of."""
    words = {
        "version": tell("version"),
        "deployment": tell("first release"),
        "replacement": tell("replacement"),
        "rules": tell("rules"),
        "policy": tell("policy"),
        "retirement": tell("retirement"),
        "erasure": tell("erasure"),
        "key": tell("key"),
    }
    parts = []
    if found.subjects:
        parts.append(", ".join(words[name] for name in found.subjects))
    titles = (
        (tell("risk"), found.risks),
        (tell("tags"), found.tags),
        (tell("deployment"), found.deployments),
        (tell("model"), found.models),
        (tell("role"), found.roles),
    )
    parts += [f"{title}: {', '.join(names)}" for title, names in titles if names]
    return " · ".join(parts) or tell("everything")
