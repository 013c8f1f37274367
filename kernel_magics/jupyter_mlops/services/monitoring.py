"""A deployment on one page: service, drift, accuracy, and the sentence that explains its status."""

from __future__ import annotations

from jupyter_mlops.domain import health as rules
from jupyter_mlops.domain.answers import Monitor
from jupyter_mlops.domain.arguments import DeploymentName, Time, read
from jupyter_mlops.services import accuracy, drift, service
from jupyter_mlops.services.champions import champion
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
) -> Monitor:
    """Show how a deployment is: one status, the sentence that explains it, and its parts."""
    return of_window(ws, deployment, window(ws, since, until, by))


def of_window(ws: Workspace, deployment: str, span: Window) -> Monitor:
    """Return everything that is watched of a deployment in a window."""
    serving = champion(ws, deployment)
    served = service.of_window(ws, deployment, span)
    moved = drift.of_window(ws, serving, span)
    right = accuracy.of_window(ws, serving, span)
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
