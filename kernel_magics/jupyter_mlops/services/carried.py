"""Waiting for the prediction server to carry a change out, and saying what it came to."""

from __future__ import annotations

import time as clock
from typing import TYPE_CHECKING, Final, cast

from jupyter_mlops.domain.answers import Gate, Role
from jupyter_mlops.domain.answers import Rollout as RolloutAnswer
from jupyter_mlops.domain.deployments import ROLLOUT_SECONDS, WHOLE
from jupyter_mlops.errors import Refused, Unavailable
from jupyter_mlops.services import lookup, rollouts, server, surroundings
from jupyter_mlops.services.processes import ring
from jupyter_mlops.services.workspace import Workspace
from jupyter_mlops.store import tables

if TYPE_CHECKING:
    from sqlmodel import Session

POLL_SECONDS: Final = 0.003
LONGEST_POLL_SECONDS: Final = 0.05
"""What takes long is looked at less often: the looking would take a core from the loading."""


def carried(
    ws: Workspace,
    rollout: int,
    deployment: str,
    replaced: str | None,
    began: float,
    *,
    because: str = "",
) -> RolloutAnswer:
    """Wait for the prediction server to carry a rollout out, and say what it came to.

    Raises:
        Refused: it cannot; what was live stays live.
        Unavailable: it does not, and the rollout is withdrawn.
    """
    with ws.look() as session:
        written = session.get_one(tables.Rollout, rollout)
        version = session.get_one(tables.Version, written.version_id)
        ref = lookup.ref_of(session, version)
    running = server.ensure(ws)
    now = _await_live(ws, rollout, deployment, version.digest)
    return RolloutAnswer(
        deployment=deployment,
        version=ref,
        digest=version.digest,
        replaced=replaced,
        request=written.request_id,
        role=cast("Role", now.role),
        gate=cast("Gate", now.gate),
        because=because,
        share=now.share,
        url=f"{running['url']}/deployments/{deployment}/predictions",
        environment=surroundings.differing(version),
        seconds=round(clock.monotonic() - began, 3),
    )


def _await_live(ws: Workspace, rollout: int, deployment: str, digest: str) -> tables.Rollout:
    """Wait until the prediction server answers with the version, or has said why it does not.

    What scores in shadow answers nobody: there the word of its process is enough. A share that
    grows by itself in the meantime is waited for as it is.
    """
    began = clock.monotonic()
    ring(ws.home)
    while (waited := clock.monotonic() - began) < ROLLOUT_SECONDS:
        with ws.look() as session:
            now = session.get_one(tables.Rollout, rollout)
            wanted = server.Serving(digest, _share(session, now))
        if now.state == "live" and (not now.share or wanted in server.serves(ws, deployment)):
            return now
        if now.state not in ("live", "loading"):
            raise Refused(
                "{deployment} keeps what it served: {because}",
                "`check` tries the version again; `audit {deployment}` shows what happened.",
                code="rollout_failed",
                deployment=deployment,
                because=now.because,
            )
        ws.progress("loading", 0.5)
        clock.sleep(max(POLL_SECONDS, min(waited / 10, LONGEST_POLL_SECONDS)))
    _withdraw(ws, rollout)
    raise Unavailable(
        "The prediction server did not load the version within {seconds} s; nothing was changed.",
        "look at {log}, then `serve` and deploy again.",
        code="rollout_timeout",
        seconds=int(ROLLOUT_SECONDS),
        log=ws.home.log_file,
    )


def _share(session: Session, now: tables.Rollout) -> float:
    """Return the share as the server tells it: nothing of its own for a champion with a canary."""
    place = session.get_one(tables.Deployment, now.deployment_id)
    tried = rollouts.candidate(session, place)
    shares = tried is not None and tried.state == "live" and tried.share > 0
    return 0.0 if shares and now.share >= WHOLE else now.share


def _withdraw(ws: Workspace, rollout: int) -> None:
    with ws.act("deployment:rollout", subject=f"rollout:{rollout}") as act:
        coming = act.session.get_one(tables.Rollout, rollout)
        if coming.state != "loading":
            act.nothing()
            return
        rollouts.give_up(act, coming, "It was not loaded in time.")
