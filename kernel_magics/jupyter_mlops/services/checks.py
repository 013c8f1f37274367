"""Release checks: what is tried on a version, in a fresh process, before anyone decides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jupyter_mlops.domain.answers import Check, Checks
from jupyter_mlops.domain.arguments import DeploymentName, ModelName, Ref, Text, deed
from jupyter_mlops.domain.imported import check_more_than_record
from jupyter_mlops.errors import MlopsError
from jupyter_mlops.services import lookup, registry, surroundings
from jupyter_mlops.services.release import apart, asking, kept, remembered
from jupyter_mlops.services.release.findings import TITLES, Found, filled, of_error
from jupyter_mlops.services.workspace import Workspace
from jupyter_mlops.store import tables

FIRST = "artifact"


@deed()
def check(
    ws: Workspace,
    ref: Ref,
    text: Text = "",
    *,
    for_deployment: DeploymentName = "",
    model: ModelName = "",
    withdraw: bool = False,
    reason: str = "",
) -> Checks:
    """Run the release checks of a version again, in a fresh process, and keep what they find.

    `--for` names a deployment: its rules hold the objective of latency, the floors of metrics and of
    fairness and the margin, its log what callers send, its champion what the version is compared
    with. Each check says passed, failed or not applicable, with its figure.

    `%%mlops check NAME` keeps a check of your own: the last function of the cell, which may ask for
    `rows` (the sample, a pandas frame), `scores`, `labels` and `truth`, and returns True or False,
    alone or with a figure; a failed `assert` says why. It is tried on every version from then on, or
    on those of one `--model`, in the same process as all others. Every version of it is kept;
    `check NAME --withdraw` ends it.
    """
    if withdraw or text.strip():
        number = (
            kept.withdraw(ws, ref, reason=reason)
            if withdraw
            else kept.keep(ws, ref, text, model=model, reason=reason)
        )
        return Checks(
            ref=ref, passed=True, items=[], environment=[], kept=number, withdrawn=withdraw
        )
    with ws.look() as session:
        parent, version = lookup.version(session, ref)
        if for_deployment:
            lookup.deployment(session, for_deployment)
    items = run(ws, ref, for_deployment)
    return Checks(
        ref=f"{parent.name}:{version.number}",
        passed=all(item["outcome"] != "failed" for item in items),
        items=[told(item) for item in items],
        environment=surroundings.differing(version),
        kept=0,
        withdrawn=False,
    )


def run(
    ws: Workspace, ref: str, deployment: str = "", role: str = "champion"
) -> list[dict[str, Any]]:
    """Try everything on a version, remember the findings with an audit event, return them."""
    with ws.look() as session:
        parent, version = lookup.version(session, ref)
    name = f"{parent.name}:{version.number}"
    check_more_than_record(name, registry.read_manifest(version)["format"])
    found = _tried(ws, version, deployment, role)
    with ws.act("version:check", subject=f"version:{name}") as act:
        act.outcome = "failed" if any(f.outcome == "failed" for f in found.values()) else "passed"
        act.after = {check: f.outcome for check, f in found.items()}
        remembered.remember(act.session, version, found, now=ws.now())
    return [
        {
            "check": key,
            "title": TITLES.get(key, key),
            "outcome": f.outcome,
            "figure": f.figure,
            "because": f.because,
            "values": dict(f.values),
            "detail": dict(f.detail) if key == "fairness" else {},
        }
        for key, f in found.items()
    ]


def told(item: Mapping[str, Any]) -> Check:
    """Return a finding in the reader's language, its values filled in."""
    values = item.get("values", {})
    return Check(
        check=item["check"],
        title=filled(item["title"], {}),
        outcome=item["outcome"],
        figure=filled(item["figure"], values),
        because=filled(item["because"], values),
    )


def _tried(ws: Workspace, version: tables.Version, deployment: str, role: str) -> dict[str, Found]:
    try:
        asked = asking.asked(ws, version, deployment, role)
    except MlopsError as error:
        return {FIRST: of_error(error)}
    return apart.tried(asked, ws.progress)
