"""What this process serves: loaded, verified, swapped while requests go on.

A thread watches the store. What should be live is verified anew (rows in a database are claims),
loaded and warmed away from the loop; once every process of the server has it in memory, one of them
tells the store, and each loop is handed the new version. Requests that began before finish on the
version they began with.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from jupyter_mlops.domain.deployments import WHOLE
from jupyter_mlops.errors import MlopsError
from jupyter_mlops.services import processes
from jupyter_mlops.serving.beside import Beside
from jupyter_mlops.serving.loader import Loader
from jupyter_mlops.serving.models import Model
from jupyter_mlops.serving.places import Place
from jupyter_mlops.serving.problems import Problem
from jupyter_mlops.serving.saying import say

if TYPE_CHECKING:
    from jupyter_mlops.services.rollouts import Served
    from jupyter_mlops.services.rules import Applied
    from jupyter_mlops.services.workspace import Workspace

GLANCE_SECONDS: Final = 0.01
POLL_SECONDS: Final = 0.1
TOGETHER_SECONDS: Final = 40.0
"""How long a version that is loaded here waits for the other processes to have loaded it."""


class Fleet:
    """The deployments of a workspace, as this process has them in memory."""

    def __init__(
        self,
        ws: Workspace,
        *,
        compiled: bool = True,
        announcement: processes.Announcement | None = None,
    ) -> None:
        self._ws = ws
        self._announcement = announcement
        self._places: dict[str, Place] = {}
        self._models: dict[int, Model] = {}
        self._known: dict[int, Served] = {}
        self._rules: dict[str, Applied] = {}
        self._others: dict[tuple[str, str], Model] = {}
        self._compiled = compiled
        self._wanted: list[Served] = []
        self._since: dict[int, float] = {}
        self._given_up: set[int] = set()
        self._proven: set[int] = set()
        self._revision = -1
        self._stopped = threading.Event()
        self._woken = threading.Event()
        self._loader = Loader(ws, compiled=compiled, on_news=self._woken.set)
        self._open = False
        home = ws.home
        self._watched = [str(home.run / processes.BELL)]
        if home.is_sqlite:
            self._watched.append(f"{home.database}-wal")
        self._beside = Beside(ws, compiled=compiled)

    def get(self, deployment: str) -> Place | None:
        """Return how a deployment is served now."""
        return self._places.get(deployment)

    def __iter__(self) -> Iterator[Place]:
        return iter(list(self._places.values()))

    def begin(self) -> None:
        """Serve what is live, before anybody is answered."""
        self.follow()
        self._loader.wait(item.rollout for item in self._wanted if item.state == "live")
        self.follow()

    def follow(self) -> None:
        """Bring memory to what the store says, if it has changed since the last look."""
        from jupyter_mlops.services import rollouts, rules

        revision = rollouts.revision(self._ws)
        if revision == self._revision and not self._open:
            return
        if revision != self._revision:
            self._rules = rules.applied(self._ws)
            self._given_up.clear()
        self._wanted = rollouts.served(self._ws)
        changed = [self._take_up(item) for item in self._wanted]
        if any(changed):
            self._wanted = rollouts.served(self._ws)  # what was carried out has ended another
        self._known = {item.rollout: self._believed(item) for item in self._wanted}
        self._arrange([item for item in self._known.values() if item.rollout in self._models])
        is_news, self._revision = revision != self._revision, revision
        self._open = any(self._is_open(item) for item in self._wanted)
        self._announce()
        if is_news:  # what may be wanted next comes after what is
            self._loader.expect()

    def _is_open(self, item: Served) -> bool:
        """Say whether a rollout still waits, for its model or for the other processes."""
        missing = item.rollout not in self._models and item.rollout not in self._given_up
        return missing or item.state == "loading"

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
            say(f"{item.deployment}: {item.ref} keeps its share: {error.message}")
            return False
        return True

    def _arrange(self, items: list[Served]) -> None:
        """Put what is live where requests find it; each deployment changes in one step."""
        self._beside.follow()
        live = [item for item in items if item.state == "live"]
        champions = {item.deployment: item for item in live if item.share >= WHOLE}
        tried = {item.deployment: item for item in live if item.share < WHOLE}
        for deployment, item in champions.items():
            self._put(deployment, item, tried.get(deployment))
        for gone in set(self._places) - set(champions):
            del self._places[gone]
        kept = {item.rollout for item in items}
        self._models = {rollout: self._models[rollout] for rollout in kept}
        self._proven &= {item.rollout for item in self._wanted}

    def _put(self, deployment: str, item: Served, tried: Served | None) -> None:
        """Serve a champion, and perhaps a canary beside it, from the next request on."""
        before = self._places.get(deployment)
        canary = self._models[tried.rollout] if tried else None
        share = tried.share if tried else 0.0
        champion = self._models[item.rollout]
        rules = self._rules.get(deployment)
        now = (champion, canary, share, rules, self._beside.of(deployment))
        if before and before.parts == now:
            return
        others = self._asked_besides(deployment, rules.refs if rules else ())
        self._places[deployment] = Place(*now, others)
        beside = f", {tried.ref} on {tried.share:.0%}" if tried else ""
        say(f"{deployment}: {item.ref} is live{beside}")

    def _asked_besides(self, deployment: str, refs: Sequence[str]) -> dict[str, Model]:
        """Have the versions in memory that rules ask; one that cannot be had is said to be absent."""
        from jupyter_mlops.services import loading, opinions

        found: dict[str, Model] = {}
        for ref in refs:
            known = self._others.get((deployment, ref))
            try:
                opinions.verify(self._ws, deployment, ref)
                if known is None:
                    loaded = loading.load(self._ws, ref, compiled=self._compiled, apart=True)
                    known = Model(deployment, loaded)
                    known.warm_up()
            except (MlopsError, Problem) as error:
                because = error.message if isinstance(error, MlopsError) else error.detail
                say(f"{deployment}: the rules cannot ask {ref}: {because}")
            else:
                found[ref] = known
        others = {key: model for key, model in self._others.items() if key[0] != deployment}
        self._others = others | {(deployment, ref): model for ref, model in found.items()}
        return found

    def watch(self, on_trouble: Callable[[str], None]) -> None:
        """Follow the store until told to stop; a store that does not answer is asked again."""
        seen = self._stirred()
        while not self._stopped.is_set():
            seen = self._pause(seen)
            try:
                self.follow()
            except MlopsError as error:
                on_trouble(error.message)
            except Exception as error:  # noqa: BLE001  (a watcher that ended would serve for ever)
                on_trouble(f"following the store: {type(error).__name__}: {error}")

    def _pause(self, seen: tuple[int, ...]) -> tuple[int, ...]:
        """Wait until something may have changed, a tenth of a second at the most."""
        until = time.monotonic() + POLL_SECONDS
        while time.monotonic() < until:
            if self._woken.wait(GLANCE_SECONDS):
                break
            if self._stirred() != seen:
                break
        self._woken.clear()
        return self._stirred()

    def _stirred(self) -> tuple[int, ...]:
        """Return what changes with the store's file and the bell; looking costs next to nothing."""
        return tuple(map(_changed, self._watched))

    def stop(self) -> None:
        """Stop watching."""
        self._stopped.set()
        self._woken.set()
        self._loader.stop()
        self._beside.stop()

    def _take_up(self, item: Served) -> bool:
        """Verify a rollout and have its model in memory, or say why it cannot be.

        Return whether this changed what the store says.
        """
        if item.rollout in self._given_up:
            return False
        try:
            self._prove(item)
            if item.rollout not in self._models:
                model = self._loader.take(item)
                if model is None:
                    return False
                self._models[item.rollout] = model
                self._since[item.rollout] = time.monotonic()
                self._announce()
                processes.ring(self._ws.home)
            return item.state == "loading" and self._carried_out(item)
        except (MlopsError, Problem) as error:
            because = error.message if isinstance(error, MlopsError) else error.detail
            self._give_up(item, because)
        return item.state == "loading"

    def _prove(self, item: Served) -> None:
        """Verify a rollout before it is loaded, and before it answers here.

        What is in memory already is not verified twice: whoever carries it out does that, and this
        process before it is live here, if that is another.
        """
        from jupyter_mlops.services import rollouts

        is_ahead = item.state == "loading" and self._loader.has(item)
        if item.rollout not in self._proven and not is_ahead:
            rollouts.verify(self._ws, item.rollout)
            self._proven.add(item.rollout)

    def _carried_out(self, item: Served) -> bool:
        """Carry a rollout out once every process that answers has it in memory."""
        from jupyter_mlops.services import rollouts

        others = processes.answering(self._ws.home) if self._announcement else []
        late = [told.pid for told in others if item.rollout not in told.ready]
        if not late:
            if not rollouts.carry_out(self._ws, item.rollout):  # another process has, or says so
                rollouts.verify(self._ws, item.rollout)
            self._proven.add(item.rollout)
        elif time.monotonic() - self._since[item.rollout] > TOGETHER_SECONDS:
            self._give_up(item, f"Process {late[0]} of the server has not loaded it in time.")
        return not late

    def _give_up(self, item: Served, because: str) -> None:
        from jupyter_mlops.services import rollouts

        say(f"{item.deployment}: {item.ref} was not loaded: {because}")
        if item.state == "loading":
            rollouts.fail(self._ws, item.rollout, because)
        self._given_up.add(item.rollout)
        self._models.pop(item.rollout, None)

    def _announce(self) -> None:
        """Say what this process serves, and has in memory."""
        if self._announcement is None:
            return
        self._announcement.say(
            revision=self._revision,
            ready=sorted(self._models),
            deployments={place.deployment: _told(place) for place in self},
        )


def _told(place: Place) -> dict[str, Any]:
    canary = place.canary
    return {
        "digest": place.champion.loaded.digest,
        "share": 1.0 - place.share if canary else 1.0,
        "canary": {"digest": canary.loaded.digest, "share": place.share} if canary else None,
        "rules": place.rules.digest if place.rules else None,
    }


def _changed(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns  # noqa: PTH116  (two hundred times a second: a tenth of the cost)
    except OSError:
        return 0
