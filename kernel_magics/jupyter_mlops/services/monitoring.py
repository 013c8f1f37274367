"""A deployment on one page: service, drift, accuracy, and the sentence that explains its status."""

from __future__ import annotations

from collections.abc import Sequence

from jupyter_mlops.domain import health as rules
from jupyter_mlops.domain.answers import Monitor
from jupyter_mlops.domain.arguments import DeploymentName, Names, Text, Time, read
from jupyter_mlops.domain.references import TRAINING
from jupyter_mlops.services import accuracy, batches, budgets, champions, drift, service, unusual
from jupyter_mlops.services.window import By, Window, window
from jupyter_mlops.services.workspace import Workspace


@read()
def monitor(
    ws: Workspace,
    deployment: DeploymentName,
    *,
    since: Time = "7d",
    until: Time | None = None,
    by: By = "day",
    segment: Text = "",
    version: Names = (),
    reference: Text = TRAINING,
    as_of: Time | None = None,
) -> Monitor:
    """Show how a deployment is: one status, the sentence that explains it, and its parts.

    A newest complete period that is unusual against its own history is said to be so. `by` cuts the
    time into periods: `batch` into the newest 40 requests with more than one row.

    `segment` looks at a part of the traffic, such as `region=EU & age>60`; `version` at other
    versions than the champion; `reference` says what drift is measured against (see `drift`);
    `as_of` answers as it would have been answered then.
    """
    span = batches.cut(ws, deployment, window(ws, since, until, by, as_of))
    found = of_window(ws, deployment, span, segment=segment, versions=version, reference=reference)
    only = (found["version"],) if version else ()
    service.mark(ws, found["service"], span, versions=only, segment=segment)
    if not segment:
        budgets.put(ws, found["service"], span, versions=only)
    serving = champions.looked_at(ws, deployment, version[:1], span.as_of)[0]
    told = {"segment": segment, "reference": reference}
    drift.mark(ws, found["drift"], serving, span, scale=serving, **told)
    unusual.of_accuracy(ws, found["accuracy"], span)
    if said := unusual.sentence(found["service"], found["drift"], found["accuracy"]):
        found["unusual"] = said
    return found


def of_window(
    ws: Workspace,
    deployment: str,
    span: Window,
    *,
    segment: str = "",
    versions: Sequence[str] = (),
    reference: str = TRAINING,
) -> Monitor:
    """Return everything that is watched of a deployment in a window."""
    serving = champions.looked_at(ws, deployment, versions[:1], span.as_of)[0]
    only = (serving.ref,) if versions else ()
    served = service.of_window(ws, deployment, span, versions=only, segment=segment)
    moved = drift.of_window(ws, serving, span, segment=segment, reference=reference)
    right = accuracy.of_window(ws, serving, span, segment=segment, alone=bool(versions))
    parts = (served, moved, right)
    status = rules.worst(part["status"] for part in parts)
    since, until = span.told
    return Monitor(
        deployment=deployment,
        version=serving.ref,
        status=status,
        because=next(
            part["because"] for part in (right, moved, served) if part["status"] == status
        ),
        since=since,
        until=until,
        service=served,
        drift=moved,
        accuracy=right,
    )
