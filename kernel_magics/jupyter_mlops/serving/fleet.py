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

from jupyter_mlops.domain.deployments import WHOLE
from jupyter_mlops.errors import MlopsError
from jupyter_mlops.serving.models import Model
from jupyter_mlops.serving.places import Place
from jupyter_mlops.serving.problems import Problem

if TYPE_CHECKING:
    from jupyter_mlops.services.rollouts import Served
    from jupyter_mlops.services.rules import Applied
    from jupyter_mlops.services.workspace import Workspace

POLL_SECONDS: Final = 0.1


class Fleet:
    """The deployments of a workspace, as this process has them in memory."""

    def __init__(self, ws: Workspace, *, compiled: bool = True) -> None:
        self._ws = ws
        self._compiled = compiled
        self._places: dict[str, Place] = {}
        self._models: dict[int, Model] = {}
        self._known: dict[int, Served] = {}
        self._rules: dict[str, Applied] = {}
        self._revision = -1
        self._stopped = threading.Event()

    def get(self, deployment: str) -> Place | None:
        """Return how a deployment is served now."""
        return self._places.get(deployment)

    def __iter__(self) -> Iterator[Place]:
        return iter(list(self._places.values()))

    def follow(self) -> None:
        """Bring memory to what the store says, if it has changed since the last look."""
        from jupyter_mlops.services import rollouts, rules

        revision = rollouts.revision(self._ws)
        if revision == self._revision:
            return
        self._rules = rules.applied(self._ws)
        wanted = rollouts.served(self._ws)
        changed = [self._take_up(item) for item in wanted if item.rollout not in self._models]
        if any(changed):
            wanted = rollouts.served(self._ws)  # what was carried out has ended what was before it
        self._known = {item.rollout: self._believed(item) for item in wanted}
        self._arrange([item for item in self._known.values() if item.rollout in self._models])
        self._revision = revision

    def _believed(self, item: Served) -> Served:
        """Return a rollout as it was verified: what came into the store since is only a claim."""
        known = self._known.get(item.rollout, item)
        if known.share == item.share or self._is_approved(item):
            return item
        return known

    def _is_approved(self, item: Served) -> bool:
        from jupyter_mlops.services import rollouts

        try:
            rollouts.verify(self._ws, item.rollout)
        except MlopsError as error:
            _say(f"{item.deployment}: {item.ref} keeps its share: {error.message}")
            return False
        return True

    def _arrange(self, items: list[Served]) -> None:
        """Put what is live where requests find it; each deployment changes in one step."""
        live = [item for item in items if item.state == "live"]
        champions = {item.deployment: item for item in live if item.share >= WHOLE}
        tried = {item.deployment: item for item in live if item.share < WHOLE}
        for deployment, item in champions.items():
            self._put(deployment, item, tried.get(deployment))
        for gone in set(self._places) - set(champions):
            del self._places[gone]
        kept = {item.rollout for item in items}
        self._models = {rollout: self._models[rollout] for rollout in kept}

    def _put(self, deployment: str, item: Served, tried: Served | None) -> None:
        """Serve a champion, and perhaps a canary beside it, from the next request on."""
        before = self._places.get(deployment)
        canary = self._models[tried.rollout] if tried else None
        share = tried.share if tried else 0.0
        champion = self._models[item.rollout]
        rules = self._rules.get(deployment)
        now = (champion, canary, share, rules)
        if before and (before.champion, before.canary, before.share, before.rules) == now:
            return
        self._places[deployment] = Place(champion, canary, share, rules)
        beside = f", {tried.ref} on {tried.share:.0%}" if tried else ""
        _say(f"{deployment}: {item.ref} is live{beside}")

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

    def _take_up(self, item: Served) -> bool:
        """Verify a rollout and have its model in memory, or say why it cannot be.

        Return whether this changed what the store says.
        """
        from jupyter_mlops.services import rollouts

        try:
            rollouts.verify(self._ws, item.rollout)
            self._models[item.rollout] = self._loaded(item)
        except (MlopsError, Problem) as error:
            because = error.message if isinstance(error, MlopsError) else error.detail
            _say(f"{item.deployment}: {item.ref} was not loaded: {because}")
            if item.state == "loading":
                rollouts.fail(self._ws, item.rollout, because)
            return item.state == "loading"
        if item.state == "loading":
            rollouts.carry_out(self._ws, item.rollout)
        return item.state == "loading"

    def _loaded(self, item: Served) -> Model:
        from jupyter_mlops.services import registry

        loaded = registry.load(self._ws, item.ref, compiled=self._compiled, apart=True)
        model = Model(item.deployment, loaded)
        model.warm_up()
        return model


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
