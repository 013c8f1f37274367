"""What goes on beside the answers: challengers in shadow, and the keeper of rollouts under way."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from jupyter_mlops.errors import MlopsError
from jupyter_mlops.serving.keeper import Keeper
from jupyter_mlops.serving.saying import say
from jupyter_mlops.serving.shadow import Shadow

if TYPE_CHECKING:
    from jupyter_mlops.services.rollouts import Served
    from jupyter_mlops.services.workspace import Workspace

ANSWER_SECONDS: Final = 10.0


class Beside:
    """The shadows of all deployments, as the store wants them to be."""

    def __init__(self, ws: Workspace, *, compiled: bool = True) -> None:
        self._ws = ws
        self._compiled = compiled
        self._shadows: dict[int, tuple[str, Shadow]] = {}
        self._keeper = Keeper(ws)
        self._stopped = False

    def of(self, deployment: str) -> tuple[Shadow, ...]:
        """Return the challengers of a deployment, oldest first."""
        return tuple(shadow for name, shadow in self._shadows.values() if name == deployment)

    def follow(self) -> None:
        """Start what should score in shadow, end what should not any more."""
        from jupyter_mlops.services import rollouts

        if self._stopped:
            return
        wanted = {item.rollout: item for item in rollouts.beside(self._ws)}
        for gone in set(self._shadows) - set(wanted):
            ending = self._shadows.pop(gone)[1]
            threading.Thread(target=ending.stop, daemon=True).start()  # swaps do not wait for it
        for rollout, item in wanted.items():
            if rollout not in self._shadows:
                self._begin(item)
        self._keeper.look(is_needed=bool(rollouts.go_by_themselves(self._ws)))

    def stop(self) -> None:
        """End every process; what was scored is on disk."""
        self._stopped = True
        self._keeper.stop()
        for _, shadow in self._shadows.values():
            shadow.stop()

    def _begin(self, item: Served) -> None:
        """Verify a rollout and start its process, or write down why it cannot be."""
        from jupyter_mlops.services import rollouts

        try:
            rollouts.verify(self._ws, item.rollout)
            manifest, format, data = rollouts.packed(self._ws, item, compiled=self._compiled)
        except MlopsError as error:
            self._is_given_up(item, error.message)
            return
        told = {
            "ref": item.ref,
            "digest": item.digest,
            "manifest": manifest,
            "format": format,
            "allowed": sorted(self._ws.home.allowed()),
            "folder": str(self._ws.home.spool / item.deployment),
            "seconds": ANSWER_SECONDS,
        }
        shadow = Shadow(
            told,
            data,
            on_ready=lambda: self._is_ready(item),
            on_given_up=lambda why: self._is_given_up(item, why),
        )
        self._shadows[item.rollout] = (item.deployment, shadow)

    def _is_ready(self, item: Served) -> None:
        from jupyter_mlops.services import rollouts

        say(f"{item.deployment}: {item.ref} scores in shadow")
        try:
            rollouts.carry_out(self._ws, item.rollout)
        except MlopsError as error:
            self._is_given_up(item, error.message)

    def _is_given_up(self, item: Served, why: str) -> None:
        from jupyter_mlops.services import rollouts

        say(f"{item.deployment}: {item.ref} is given up: {why}")
        try:
            rollouts.give_up_beside(self._ws, item.rollout, why)
        except MlopsError as error:
            say(f"{item.deployment}: the store does not know of it: {error.message}")
