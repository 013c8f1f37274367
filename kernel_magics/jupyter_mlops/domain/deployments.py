"""When a version may go live, and when a deployment may end."""

from __future__ import annotations

from typing import Final

from jupyter_mlops.errors import Conflict

ROLLOUT_SECONDS: Final = 60.0


def check_may_begin(deployment: str, *, state: str, loading: str | None) -> None:
    """Raise when a deployment is retired or another change of it is on its way.

    Raises:
        Conflict: with what stands in the way.
    """
    if state == "retired":
        raise Conflict(
            "{deployment} is retired; its name stays with its history.",
            "deploy to another name.",
            code="deployment_retired",
            deployment=deployment,
        )
    if loading is not None:
        raise Conflict(
            "{ref} is on its way into {deployment}.",
            "wait for it; `deployments` shows when it is live.",
            code="rollout_under_way",
            deployment=deployment,
            ref=loading,
        )


def check_may_retire(deployment: str, *, state: str) -> None:
    """Raise when a deployment has been retired already."""
    if state == "retired":
        raise Conflict(
            "{deployment} is retired already.",
            "`deployments` lists what is live.",
            code="deployment_retired",
            deployment=deployment,
        )
