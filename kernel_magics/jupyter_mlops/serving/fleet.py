"""What this server serves: loaded, verified, swapped while requests go on.

A thread watches the store. What should be live is verified anew (rows in a database are claims),
loaded and warmed away from the loop; only then is the store told, and the loop handed the new
version. Requests that began before finish on the version they began with.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from jupyter_mlops.errors import MlopsError
from jupyter_mlops.serving.models import Model
from jupyter_mlops.serving.problems import Problem

if TYPE_CHECKING:
    from jupyter_mlops.services.deployments import Served
    from jupyter_mlops.services.workspace import Workspace

POLL_SECONDS: Final = 0.1


class Fleet:
    """The deployments of a workspace, as this process has them in memory."""

    def __init__(self, ws: Workspace, *, compiled: bool = True) -> None:
        self._ws = ws
        self._compiled = compiled
        self._models: dict[str, Model] = {}
        self._rollouts: dict[str, int] = {}
        self._revision = -1
        self._stopped = threading.Event()

    def get(self, deployment: str) -> Model | None:
        """Return what a deployment serves now."""
        return self._models.get(deployment)

    def __iter__(self) -> Iterator[Model]:
        return iter(list(self._models.values()))

    def follow(self) -> None:
        """Bring memory to what the store says, if it has changed since the last look."""
        from jupyter_mlops.services import deployments

        revision = deployments.revision(self._ws)
        if revision == self._revision:
            return
        wanted = deployments.served(self._ws)
        for item in wanted:
            if self._rollouts.get(item.deployment) != item.rollout:
                self._take_up(item)
        live = {item.deployment for item in wanted}
        for gone in set(self._models) - live:
            del self._models[gone], self._rollouts[gone]
        self._revision = revision

    def watch(self, on_trouble: Callable[[str], None]) -> None:
        """Follow the store until told to stop; a store that does not answer is asked again."""
        while not self._stopped.wait(POLL_SECONDS):
            try:
                self.follow()
            except MlopsError as error:
                on_trouble(error.message)

    def stop(self) -> None:
        """Stop watching."""
        self._stopped.set()

    def _take_up(self, item: Served) -> None:
        """Load a version and put it in its place, or say why it cannot be."""
        from jupyter_mlops.services import deployments

        try:
            model = self._loaded(item)
        except (MlopsError, Problem) as error:
            because = error.message if isinstance(error, MlopsError) else error.detail
            _say(f"{item.deployment}: {item.ref} was not loaded: {because}")
            if item.state == "loading":
                deployments.fail(self._ws, item.rollout, because)
            else:
                self._rollouts[item.deployment] = item.rollout
            return
        if item.state == "loading":
            deployments.carry_out(self._ws, item.rollout)
        self._models[item.deployment] = model
        self._rollouts[item.deployment] = item.rollout
        _say(f"{item.deployment}: {item.ref} is live")

    def _loaded(self, item: Served) -> Model:
        from jupyter_mlops.services import deployments, registry

        deployments.verify(self._ws, item.rollout)
        loaded = registry.load(self._ws, item.ref, compiled=self._compiled)
        model = Model(item.deployment, loaded)
        model.warm_up()
        return model


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
