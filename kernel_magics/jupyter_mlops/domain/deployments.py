"""When a version may go live, and when a deployment may end."""

from __future__ import annotations

from collections.abc import Sequence
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


def champion_before(history: Sequence[tuple[int, bool]]) -> int | None:
    """Return the version that a rollback leads to, or None where there is nothing before.

    ``history`` holds version and "was live" of each rollout, oldest first; the last that was live
    is the champion. One step back from a version is what was live before it *first* went live, so
    that going back twice goes back two steps, and never forth.

    >>> champion_before([(1, True), (2, True), (3, True)])
    2
    >>> champion_before([(1, True), (2, True), (1, True)]) is None
    True
    """
    lived = [version for version, was_live in history if was_live]
    if not lived:
        return None
    first = lived.index(lived[-1])
    return lived[first - 1] if first else None
