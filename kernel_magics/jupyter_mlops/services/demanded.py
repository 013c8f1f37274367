"""What policies ask of a version beside decisions: checks, documents, fairness in protected groups."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import sqlmodel

from jupyter_mlops.domain.approvals import Asked, Policy
from jupyter_mlops.errors import Invalid, did_you_mean
from jupyter_mlops.services import documents
from jupyter_mlops.services.release import remembered
from jupyter_mlops.services.release.findings import TITLES as OURS
from jupyter_mlops.services.release.findings import Found, filled
from jupyter_mlops.services.workspace import Workspace
from jupyter_mlops.store import tables

if TYPE_CHECKING:
    from sqlmodel import Session

Item = Mapping[str, Any]
CHECKS, DOCUMENTS, PROTECTED, FAIRNESS = "checks", "documents", "protected", "fairness"
TITLES: Final = {
    CHECKS: "Passed what policies ask for",
    DOCUMENTS: "Documents that policies ask for",
    PROTECTED: "Fairness measured where policies ask for it",
    FAIRNESS: "Floors of fairness that policies ask for",
}


def found(
    session: Session, version: tables.Version, asked: Policy, items: Sequence[Item]
) -> list[dict[str, Any]]:
    """Return what policies ask of a version as checks of their own, beside those that were run."""
    outcomes = {str(item["check"]): str(item["outcome"]) for item in items}
    return [
        {
            "check": f"policy_{name}",
            "title": TITLES[name],
            "outcome": one.outcome,
            "figure": one.figure,
            "because": one.because,
            "values": dict(one.values),
        }
        for name, one in look(session, version, asked, outcomes)
    ]


def look(
    session: Session, version: tables.Version, asked: Policy, outcomes: Mapping[str, str]
) -> Iterator[tuple[str, Found]]:
    """Hold a version against what policies ask, given how its release checks ended."""
    if asked.checks:
        missing = [name for name in asked.checks if outcomes.get(name) != "passed"]
        yield (
            CHECKS,
            Found(
                "failed" if missing else "passed",
                figure="{n} of {all} passed",
                because="Not passed: {names}." if missing else "",
                values=_counted(asked.checks, missing),
            ),
        )
    if asked.documents:
        open_ = [name for name in asked.documents if not _is_complete(session, version, name)]
        yield (
            DOCUMENTS,
            Found(
                "failed" if open_ else "passed",
                figure="{n} of {all} complete",
                because="Not complete: {names}; `document REF --template NAME` shows what is open."
                if open_
                else "",
                values=_counted(asked.documents, open_),
            ),
        )
    if asked.protected:
        unknown = sorted(set(asked.protected) - _measured(session, version))
        yield (
            PROTECTED,
            Found(
                "failed" if unknown else "passed",
                figure="{n} of {all} measured",
                because="Not measured: {names}; `register --protected` names attributes of the holdout."
                if unknown
                else "",
                values=_counted(asked.protected, unknown),
            ),
        )
    if asked.fairness:
        holds = outcomes.get("fairness") == "passed"
        floors = ", ".join(f"{measure} {floor:g}" for measure, floor in asked.fairness)
        yield (
            FAIRNESS,
            Found(
                "passed" if holds else "failed",
                figure="{floors}",
                because="" if holds else "The check of fairness did not pass with these floors.",
                values={"floors": floors},
            ),
        )


def said(one: Found) -> str:
    """Return what was found of one thing that policies ask for, in the reader's language."""
    return filled(one.because or one.figure, one.values)


def check_there_are(ws: Workspace, asked: Asked) -> None:
    """Raise where a policy asks for a check or a document that nobody knows.

    Raises:
        Invalid: there is none of that name.
    """
    with ws.look() as session:
        own = session.exec(sqlmodel.select(tables.OwnCheck.name).distinct()).all()
    for part, names, known in (
        ("check", asked.checks, [*OURS, *own]),
        ("document", asked.documents, documents.templates()),
    ):
        for name in names:
            if name not in known:
                meant = did_you_mean(name, known)
                raise Invalid(
                    "There is no {part} called {name}.",
                    "did you mean {meant}?" if meant else "there are: {known}.",
                    code="policy_invalid",
                    part=part,
                    name=name,
                    meant=meant,
                    known=", ".join(known),
                )


def _counted(asked: Sequence[str], lacking: Sequence[str]) -> dict[str, Any]:
    return {"n": len(asked) - len(lacking), "all": len(asked), "names": ", ".join(lacking)}


def _is_complete(session: Session, version: tables.Version, name: str) -> bool:
    n, asked = documents.answered(session, version, name)
    return n == asked


def _measured(session: Session, version: tables.Version) -> set[str]:
    """Return the protected attributes in which the newest check has compared groups."""
    rows = remembered.newest(session, version)
    detail = next((row.detail for row in rows if row.name == "fairness"), {})
    named = version.lineage.get("protected", [])
    return {name for name in named if any(f":{name}:" in key for key in detail)}
