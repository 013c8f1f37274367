"""How a model's answers are set against what really happened, and kept as counts that add."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import sqlmodel

from jupyter_mlops.domain.health import FIRST_METRIC
from jupyter_mlops.services import lookup, references
from jupyter_mlops.services.workspace import Workspace
from jupyter_mlops.store import tables

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from jupyter_mlops.stats.classes import ClassScores
    from jupyter_mlops.stats.intervals import Estimate
    from jupyter_mlops.stats.residuals import ResidualCuts, Residuals
    from jupyter_mlops.stats.scores import Scores

    Array = np.ndarray[Any, Any]

Labelled: TypeAlias = "Scores | ClassScores | Residuals"
"""What is kept of answers whose label has come; of one model they add and subtract."""


LEVEL: Final = 0.95
MOST_FOUND: Final = 4_000
"""Measures that a workspace remembers."""
SAMPLE: Final = 10_000
"""Rows that are kept of unseen ones, with the answers to them beside."""
SEED: Final = 20_261_126


@dataclass(frozen=True)
class Judge:
    """How the answers of one model are judged: by two classes, by several, or by how far they miss."""

    task: str
    classes: tuple[str, ...]
    cuts: ResidualCuts

    def of(self, truth: Any, score: Any, probabilities: Any = None) -> Labelled:
        """Count answers, shape (n,), against truths as text; several classes need (n, k)."""
        from jupyter_mlops.stats.classes import class_scores
        from jupyter_mlops.stats.residuals import residuals
        from jupyter_mlops.stats.scores import scores

        if self.task == "regression":
            return residuals(truth.astype(float), score, self.cuts)
        if self.task == "binary":
            return scores(truth == self.classes[1], score)
        return class_scores(truth, probabilities, labels=self.classes)

    def nothing(self) -> Labelled:
        """Return what is kept of no rows."""
        import numpy as np

        none = np.array([], dtype=object)
        return self.of(none, none.astype(float), np.zeros((0, len(self.classes))))

    def sum(self, parts: Iterable[Labelled]) -> Labelled:
        """Add up what is kept."""
        whole: Any = self.nothing()
        for part in parts:
            whole = whole + part
        kept: Labelled = whole
        return kept

    def less(self, whole: Any, part: Any) -> Labelled:
        """Take away what was added before."""
        kept: Labelled = whole - part
        return kept

    def rows_of(self, answers: pa.Table) -> tuple[Array, Array]:
        """Return scores (n,), and (n, k) probabilities where there are several classes."""
        import numpy as np

        score = answers["score"].to_numpy()
        if self.task != "multiclass":
            return score, np.zeros((len(score), 0))
        k = len(self.classes)
        told = np.full((len(score), k), np.nan)
        for at, said in enumerate(answers["probabilities"].to_pylist()):
            if said is not None and len(said) == k:
                told[at] = said
        return score, told

    def said(self, answers: pa.Table) -> Array:
        """Count scores over their cells whether or not a label has come, as one vector."""
        import numpy as np

        from jupyter_mlops.stats import cells
        from jupyter_mlops.stats.classes import MOST_RANKED, said_counts

        score, told = self.rows_of(answers)
        if self.task == "binary":
            return cells.histogram(score)
        if self.task == "multiclass" and len(self.classes) <= MOST_RANKED:
            return said_counts(told, len(self.classes)).ravel()
        return np.zeros(0, dtype=np.int64)

    def first(self, kept: Labelled) -> Estimate:
        """Return the measure that the task is judged by first, without any other."""
        from jupyter_mlops.stats.scores import Scores

        if isinstance(kept, Scores):
            return kept.ranked().auc(LEVEL)
        return kept.measures(level=LEVEL)[FIRST_METRIC[self.task]]

    def written(self, kept: Labelled) -> tuple[Array, Array]:
        """Return the counts and the sums of what is kept, shape (cells,) and (figures,)."""
        import numpy as np

        from jupyter_mlops.stats.residuals import Residuals
        from jupyter_mlops.stats.scores import Scores

        if isinstance(kept, Scores):
            return kept.counts.ravel(), np.array([*_three(kept.log_loss), *_three(kept.squared)])
        if isinstance(kept, Residuals):
            losses = [figure for loss in kept.losses.values() for figure in _three(loss)]
            counts = np.concatenate([[kept.n], kept.histogram, kept.joint.ravel()])
            return counts, np.concatenate([kept.powers, losses])
        counts = np.concatenate([kept.table.ravel(), kept.counts.ravel()])
        return counts, np.array(_three(kept.log_loss))

    def read(self, counts: Array, sums: Array) -> Labelled:
        """Return what was written as counts and sums."""
        from jupyter_mlops.stats.classes import ClassScores
        from jupyter_mlops.stats.residuals import Residuals
        from jupyter_mlops.stats.scores import Scores
        from jupyter_mlops.stats.sums import Sums

        def loss(at: int) -> Sums:
            count, total, squares = sums[3 * at : 3 * at + 3].tolist()
            return Sums(round(count), total, squares)

        empty = self.nothing()
        if isinstance(empty, Scores):
            return Scores(counts.reshape(-1, 2), loss(0), loss(1))
        if isinstance(empty, ClassScores):
            k = len(empty.labels)
            own = counts[k * k :].reshape(empty.counts.shape)
            return ClassScores(empty.labels, counts[: k * k].reshape(k, k), own, loss(0))
        end = 1 + len(empty.histogram)
        powers, sums = sums[: len(empty.powers)], sums[len(empty.powers) :]
        losses = {name: loss(at) for at, name in enumerate(empty.losses)}
        joint = counts[end:].reshape(empty.joint.shape)
        return Residuals(self.cuts, int(counts[0]), losses, powers, counts[1:end], joint)


def measured(ws: Workspace, judge: Judge, kept: Labelled) -> dict[str, Estimate]:
    """Return every measure of labelled answers; what was measured before is not measured again."""
    counts, sums = judge.written(kept)
    found: dict[str, Estimate] = once(
        ws, (judge.task, digest(counts), digest(sums)), lambda: kept.measures(level=LEVEL)
    )
    return found


def digest(counts: Array) -> bytes:
    """Return a short name of counts."""
    return hashlib.blake2b(counts.tobytes(), digest_size=16).digest()


def once(ws: Workspace, key: tuple[Any, ...], find: Callable[[], Any]) -> Any:
    """Return what is found the first time: counts that have not changed lead to the same again."""
    known = ws.kept.setdefault("found", {})
    if key not in known:
        if len(known) > MOST_FOUND:
            known.clear()
        known[key] = find()
    return known[key]


def judge(ws: Workspace, deployment: str) -> Judge:
    """Return how the answers of a deployment are judged, whichever version of its model gave them.

    Errors of numbers are cut by the holdout of the model's first version, so that those of all
    versions add.
    """
    key = ("judge", deployment)
    if key not in ws.kept:
        with ws.look() as session:
            place = lookup.deployment(session, deployment)
            model = session.get_one(tables.Model, place.model_id)
            first = session.exec(
                sqlmodel.select(tables.Version.number)
                .where(tables.Version.model_id == model.id)
                .order_by(sqlmodel.col(tables.Version.number))
            ).first()
        cuts = _cuts(ws, f"{model.name}:{first}") if model.task == "regression" else _no_cuts()
        ws.kept[key] = Judge(model.task, tuple(map(str, model.classes)), cuts)
    found: Judge = ws.kept[key]
    return found


def sampled(rows: int) -> Array:
    """Return which rows are kept, in their order: drawn, as a sorted frame begins with one kind."""
    import numpy as np

    return np.sort(np.random.default_rng(SEED).permutation(rows)[:SAMPLE])


def holdout(task: str, classes: Any, raw: Any, truth: Any) -> dict[str, Any]:
    """Return what a version is registered with, so that its scores can be calibrated later.

    ``raw`` is as the model answers: (n,), or (n, k); ``truth`` as text, or numbers.
    """
    from jupyter_mlops.stats.residuals import residual_cuts

    if task == "regression":
        return {"cuts": vars(residual_cuts(truth, raw)), "score": _short(raw[sampled(len(raw))])}
    found = Judge(task, tuple(map(str, classes)), _no_cuts())
    return found.of(truth, raw[:, 1] if task == "binary" else None, raw).to_dict()


def reference(ws: Workspace, ref: str) -> dict[str, Any] | None:
    """Return what the holdout of a version said, as it was registered; None without one."""
    key = ("truth", ref)
    if key not in ws.kept:
        found = references.told(ws, ref, references.TRUTH)
        if found is None:
            return None
        ws.kept[key] = found.columns
    kept: dict[str, Any] = ws.kept[key]
    return kept


def holdout_rows(ws: Workspace, ref: str) -> tuple[Any, Any, Any] | None:
    """Return features, answers and truths of the holdout's rows that were kept; None without any."""
    from jupyter_mlops.formats import frames

    said = (reference(ws, ref) or {}).get("score")
    with ws.look() as session:
        parent, version = lookup.version(session, ref)
    kept = version.lineage.get("sample")
    if not said or not kept:
        return None
    gone = set(version.lineage.get("left_out") or ())
    said = [one for at, one in enumerate(said) if at not in gone]
    columns = frames.from_arrow(ws.artifacts.get(kept))
    truth = columns.pop(parent.target, None)
    names = [feature["name"] for feature in json.loads(version.manifest)["features"]]
    if truth is None:
        return None
    return {name: columns[name] for name in names}, said, truth.astype(float)[: len(said)]


def _cuts(ws: Workspace, ref: str) -> ResidualCuts:
    from jupyter_mlops.stats.residuals import ResidualCuts

    told = (reference(ws, ref) or {}).get("cuts")
    if told is None:
        return _no_cuts()
    return ResidualCuts(
        told["center"], told["scale"], tuple(told["residuals"]), tuple(told["values"])
    )


def _no_cuts() -> ResidualCuts:
    from jupyter_mlops.stats.residuals import ResidualCuts

    return ResidualCuts()


def _three(loss: Any) -> list[float]:
    return [float(figure) for figure in loss.to_list()]


def _short(values: Any) -> list[float | None]:
    return [float(f"{v:.7g}") if math.isfinite(v) else None for v in values.tolist()]
