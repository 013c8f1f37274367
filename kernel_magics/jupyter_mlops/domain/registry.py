"""What may be registered under which name, and what identifies a version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, get_args

from jupyter_mlops.domain.answers import Risk
from jupyter_mlops.domain.imported import UNKNOWN
from jupyter_mlops.errors import Conflict, Invalid, Refused, did_you_mean

FORM: Final = 1
RISKS: Final[tuple[str, ...]] = get_args(Risk)
RISKY: Final = ("high", "critical")
"""The risks of which purpose, owner and unit have to be stated."""


@dataclass(frozen=True)
class Kindred:
    """What all versions under one name have in common, so that one can replace another."""

    target: str
    task: str
    classes: Sequence[Any]


def check_risk(risk: object) -> str:
    """Return the risk unchanged when it is one we know."""
    if isinstance(risk, str) and risk in RISKS:
        return risk
    meant = did_you_mean(str(risk), RISKS)
    raise Invalid(
        "{risk} is not a risk.",
        "one of low, moderate, high, critical" + (f"; did you mean {meant}?" if meant else "."),
        code="risk_invalid",
        risk=repr(risk),
    )


def check_stated(name: str, risk: str, said: Mapping[str, str]) -> None:
    """Raise unless it is known of a risky model what it is for, and who answers for it."""
    missing = [word for word, text in said.items() if not text.strip()]
    if risk in RISKY and missing:
        raise Invalid(
            "{name} is of {risk} risk, and not stated are: {missing}.",
            "say what it is for and who answers for it: {options}.",
            code="not_stated",
            name=name,
            risk=risk,
            missing=", ".join(missing),
            options=" ".join(f'--{word} "…"' for word in missing),
        )


def check_kindred(name: str, known: Kindred, new: Kindred) -> None:
    """Raise unless the new version answers the same question as the others under its name.

    A record says nothing about the question, and a target that nobody has named is no other target.
    """
    if UNKNOWN in (known.task, new.task):
        return
    for what in ("target", "task", "classes"):
        before, now = getattr(known, what), getattr(new, what)
        if before == now or (what == "target" and not before):
            continue
        raise Refused(
            "{name} has {what} {before}; this model has {now}.",
            "register it under another name.",
            code="model_mismatch",
            name=name,
            what=what,
            before=before,
            now=now,
        )


def settled(known: Kindred, new: Kindred) -> Kindred:
    """Return what is known of a name once a version that may be under it has come."""
    if new.task == UNKNOWN:
        return known
    if known.task == UNKNOWN:
        return new
    return Kindred(known.target or new.target, known.task, known.classes)


def check_same_risk(ref: str, *, known: str, asked: str) -> None:
    """Raise when the very same bytes are registered again with another risk."""
    if known == asked:
        return
    raise Conflict(
        "{ref} is this very model, registered as {known} risk; it cannot be {asked} as well.",
        "leave --risk out, or register the model under another name.",
        code="risk_differs",
        ref=ref,
        known=known,
        asked=asked,
    )


def check_answers_alike(deployment: str, *, serves: Kindred, asked: Kindred, ref: str) -> None:
    """Raise unless a version could replace what applications already ask of a deployment."""
    if serves == asked:
        return
    raise Refused(
        "{ref} cannot serve {deployment}: it predicts {asked}, and applications there expect"
        " {serves}.",
        "request it for another deployment.",
        code="signature_mismatch",
        ref=ref,
        deployment=deployment,
        asked=f"{asked.target} ({asked.task})",
        serves=f"{serves.target} ({serves.task})",
    )


def check_comparable(ref: str, known: Kindred, other: str, asked: Kindred) -> None:
    """Raise unless two versions answer the same question, so that a difference says something."""
    for what in ("target", "task", "classes"):
        before, now = getattr(known, what), getattr(asked, what)
        if before == now:
            continue
        raise Refused(
            "{ref} has {what} {before}, {other} has {now}: they cannot be compared.",
            "compare versions that predict the same; `models` lists what is registered.",
            code="not_comparable",
            ref=ref,
            other=other,
            what=what,
            before=before,
            now=now,
        )


def manifest(
    *,
    artifact: str,
    format: str,
    compiled: str | None,
    kindred: Kindred,
    features: Sequence[Mapping[str, Any]],
    requirements: Mapping[str, str],
    profile: str | None,
    limits: str | None = None,
    references: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return everything that decides how a version answers; its digest is the version's.

    So does what it is measured against: the digest of its profile, and in ``references`` those of what
    its holdout told. A version without figures about its limits or without a holdout has no word about
    them, as those had that were registered before there were any.
    """
    return {
        **({"limits": limits} if limits else {}),
        **({"references": dict(references)} if references else {}),
        "form": FORM,
        "format": format,
        "artifact": artifact,
        "compiled": compiled,
        "target": kindred.target,
        "task": kindred.task,
        "classes": list(kindred.classes),
        "features": [dict(feature) for feature in features],
        "requirements": dict(requirements),
        "profile": profile,
    }
