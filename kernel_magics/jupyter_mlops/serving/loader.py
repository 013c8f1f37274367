"""Versions on their way into memory: tried, loaded and warmed away from those who ask, each once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

from jupyter_mlops.serving.models import Model

if TYPE_CHECKING:
    from jupyter_mlops.services.rollouts import Ahead, Served
    from jupyter_mlops.services.workspace import Workspace

AT_ONCE: Final = 2
MOST_KEPT: Final = 8
MOST_APART: Final = 2
"""Of those, how many that answer from processes of their own, which take memory while they idle."""

Name = tuple[str, str, str]


class Loader:
    """Gives models for rollouts; a digest that this process has had before comes from memory."""

    def __init__(self, ws: Workspace, *, compiled: bool, on_news: Callable[[], None]) -> None:
        self._ws = ws
        self._compiled = compiled
        self._on_news = on_news
        self._kept: OrderedDict[Name, Model] = OrderedDict()
        self._jobs: dict[int, Future[Model]] = {}
        self._ahead: Ahead | None = None
        self._pool = ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="loader")

    def has(self, item: Served) -> bool:
        """Say whether the model of a rollout is in memory."""
        return _name(item) in self._kept

    def take(self, item: Served) -> Model | None:
        """Return the model of a rollout, or None while it is being loaded.

        Raises:
            MlopsError: it does not load, or does not answer as it should.
            Problem: it does not answer at all.
        """
        name = _name(item)
        if name not in self._kept:
            job = self._jobs.get(item.rollout)
            if job is None:
                job = self._jobs[item.rollout] = self._pool.submit(self._load, item)
                job.add_done_callback(lambda _: self._on_news())
            if not job.done():
                return None
            del self._jobs[item.rollout]
            self._keep(name, job.result())
        self._kept.move_to_end(name)
        return self._kept[name]

    def expect(self) -> None:
        """Have in memory what the trial of a version needs that was registered or requested just now."""
        from jupyter_mlops.formats import process
        from jupyter_mlops.services import rollouts

        self._ahead = rollouts.ahead(self._ws, self._ahead)
        for format in self._ahead.formats:
            self._pool.submit(process.prepare, "jupyter_mlops.services.trial", format)

    def wait(self, rollouts: Iterable[int]) -> None:
        """Wait until these rollouts are loaded, as far as they were asked for, or cannot be."""
        for rollout in rollouts:
            if rollout in self._jobs:
                self._jobs[rollout].exception()

    def stop(self) -> None:
        """Load nothing any more."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _keep(self, name: Name, model: Model) -> None:
        self._kept[name] = model
        apart = [other for other, kept in self._kept.items() if not kept.loaded.compiled]
        going = apart[:-MOST_APART] or list(self._kept)[:-MOST_KEPT]
        for other in going:
            del self._kept[other]

    def _load(self, item: Served) -> Model:
        """Load and warm a version; one that was not live yet is tried in a process of its own first."""
        from jupyter_mlops.services import loading, trial

        rows: dict[str, Any] = {}
        if item.state == "loading":
            rows = trial.tried(self._ws, item.deployment, item.ref, compiled=self._compiled)
        loaded = loading.load(self._ws, item.ref, compiled=self._compiled, apart=True)
        model = Model(item.deployment, loaded)
        is_away = getattr(loaded.scorer, "is_away", False)
        if item.state == "loading" or not is_away:  # one that is silent now may answer again
            model.warm_up()
        if rows:
            loaded.scorer.score(rows)
        return model


def _name(item: Served) -> Name:
    return item.deployment, item.ref, item.digest
