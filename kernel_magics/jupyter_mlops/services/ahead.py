"""How right answers will turn out to be, before their labels come, and whether to believe it.

Classes: what the holdout's labels said of its scores is carried over to the scores of a period, from
counts alone. Numbers: trees learn from the holdout's rows how far the model misses. Either is tried
on the periods whose labels have come: where it was wrong there, it says so.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from jupyter_mlops.domain.health import FEWEST_LABELS, FIRST_METRIC, MATURE
from jupyter_mlops.domain.watched import Estimated, Figure
from jupyter_mlops.locale import tell
from jupyter_mlops.services import judging
from jupyter_mlops.services.judging import LEVEL
from jupyter_mlops.services.packing import figure
from jupyter_mlops.services.workspace import Workspace

if TYPE_CHECKING:
    import numpy as np

    from jupyter_mlops.services.champions import Champion
    from jupyter_mlops.services.judging import Judge, Labelled
    from jupyter_mlops.stats.intervals import Estimate

Expected = tuple[Estimated, list[Figure | None]]
"""What is expected of a window, and of each of its periods where anything is."""
MOST_PERIODS: Final = 60
"""The newest periods that are estimated each by itself; of many classes fewer."""
FEWEST_PERIODS: Final = 5
MOST_ESTIMATED: Final = 31
"""Periods of numbers that are estimated, each from its newest rows."""


@dataclass(frozen=True)
class Part:
    """What one version answered in a period: the cells of its scores, and what is labelled of it."""

    rows: int
    said: Any
    labels: Labelled

    @property
    def mature(self) -> bool:
        """Say whether the labels of four in five have come, and enough of them to measure."""
        return is_mature(self.labels.n, self.rows)


def is_mature(labelled: int, rows: int) -> bool:
    """Say whether a period may be measured by the labels it has."""
    return labelled >= max(FEWEST_LABELS, MATURE * rows)


def of_counts(
    ws: Workspace, serving: Champion, judge: Judge, parts: Sequence[Part], whole: Part
) -> Expected:
    """Return the estimate of classes in a window and in each of its periods."""
    kept = judging.reference(ws, serving.ref)
    if kept is None or not whole.rows:
        return nothing(serving, len(parts), without=kept is None)
    metric = FIRST_METRIC[judge.task]
    first = len(parts) - max(FEWEST_PERIODS, MOST_PERIODS // max(len(judge.classes) - 1, 1))
    looked = [at >= first and part.rows > 0 for at, part in enumerate(parts)]

    def ahead(said: Any) -> dict[str, Estimate]:
        key = ("ahead", serving.ref, judging.digest(said))
        told: dict[str, Estimate] = judging.once(ws, key, lambda: _cbpe(judge, kept, said))
        return told

    each = [
        figure(ahead(part.said)[metric]) if is_looked and metric in ahead(part.said) else None
        for part, is_looked in zip(parts, looked, strict=True)
    ]
    pairs = [
        (ahead(_scores_of(judge, part.labels)).get(metric), judge.first(part.labels).value)
        for part, is_looked in zip(parts, looked, strict=True)
        if is_looked and part.mature
    ]
    told = {name: figure(found) for name, found in ahead(whole.said).items()}
    return tried(told, pairs), each


def tried(metrics: dict[str, Figure], pairs: Sequence[tuple[Estimate | None, float]]) -> Estimated:
    """Set estimates of rows that have their labels beside what these showed."""
    from jupyter_mlops.stats.estimation import back_test

    both = [(band, real) for band, real in pairs if band is not None]
    found = back_test([band for band, _ in both], [real for _, real in both], level=LEVEL)
    n = found.periods
    if found.trusted is None:
        because = tell("Not tried yet: the labels of {n} periods have come, five are needed.", n=n)
    elif found.trusted:
        because = tell("In {n} periods whose labels came, the estimate was right.", n=n)
    elif found.reason == "biased":
        because = tell(
            "Do not trust: in {n} periods whose labels came, it was wrong by {bias} on average.",
            n=n,
            bias=f"{found.bias:+.3g}",
        )
    else:
        because = tell(
            "Do not trust: in {out} of {n} periods whose labels came, the truth was outside the band.",
            out=n - found.inside,
            n=n,
        )
    return Estimated(metrics=metrics, trusted=found.trusted, because=because, periods=n)


def nothing(serving: Champion, periods: int, *, without: bool) -> Expected:
    """Return that nothing can be expected: without a holdout, or without answers."""
    if without:
        because = tell("{ref} was registered without a labelled holdout.", ref=serving.ref)
    else:
        because = tell("{ref} has answered nothing in this period.", ref=serving.ref)
    return no(because, periods)


def no(because: str, periods: int) -> Expected:
    """Return that nothing is estimated, and why."""
    told = Estimated(metrics={}, trusted=None, because=because, periods=0)
    return told, [None] * periods


def of_rows(
    ws: Workspace, serving: Champion, batches: Sequence[tuple[Any, Any, np.ndarray[Any, Any]]]
) -> Expected:
    """Return the estimate of numbers in a window: the last batch, and in each period before it.

    A batch is the features and predictions of its rows, and their truths (NaN where none has come).
    """
    import numpy as np

    from jupyter_mlops.stats.estimation import dle_of_parts
    from jupyter_mlops.stats.regression import regression

    before = judging.holdout_rows(ws, serving.ref)
    if before is None or not len(batches[-1][1]):
        return nothing(serving, len(batches) - 1, without=before is None)
    known = [np.isfinite(truth) for _, _, truth in batches]
    mature = [
        at
        for at, (_, said, _) in enumerate(batches[:-1])
        if is_mature(int(known[at].sum()), len(said))
    ]
    some = [_taken(batches[at], known[at]) for at in mature]
    found = dle_of_parts(*before, [(f, s) for f, s, _ in (*batches, *some)], level=LEVEL)
    metric = FIRST_METRIC["regression"]
    told, late = found[: len(batches)], found[len(batches) :]
    pairs = [
        (expected[metric], regression(truth, said)[metric])
        for expected, (_, said, truth) in zip(late, some, strict=True)
    ]
    metrics = {name: figure(one) for name, one in told[-1].items() if math.isfinite(one.value)}
    each = [figure(one[metric]) if math.isfinite(one[metric].value) else None for one in told[:-1]]
    return tried(metrics, pairs), each


def _taken(batch: tuple[Any, Any, Any], rows: Any) -> tuple[Any, Any, Any]:
    features, said, truth = batch
    return {name: column[rows] for name, column in features.items()}, said[rows], truth[rows]


def _cbpe(judge: Judge, kept: Mapping[str, Any], said: Any) -> dict[str, Estimate]:
    from jupyter_mlops.stats import cells
    from jupyter_mlops.stats.classes import ClassScores
    from jupyter_mlops.stats.estimation import cbpe_of_classes, cbpe_of_counts
    from jupyter_mlops.stats.scores import Scores

    found: Any
    if judge.task == "binary":
        found = cbpe_of_counts(Scores.from_dict(dict(kept)).counts, said, interval=LEVEL)
    else:
        before = ClassScores.from_dict(dict(kept))
        found = cbpe_of_classes(before, said.reshape(-1, cells.CELLS, 2), interval=LEVEL)
    return {name: told for name, told in found.items() if math.isfinite(told.value)}


def _scores_of(judge: Judge, labels: Any) -> Any:
    """Return the cells of the scores of labelled rows, truth left out."""
    if judge.task == "binary":
        return labels.counts.sum(axis=1)
    return labels.counts.sum(axis=2).ravel()
