"""The points that pictures of accuracy are drawn from, told from label profiles."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from jupyter_mlops.domain.watched import Curves, Line, Reliability, Spread, Table
from jupyter_mlops.services.judging import Labelled
from jupyter_mlops.stats import curves
from jupyter_mlops.stats.classes import ClassScores
from jupyter_mlops.stats.residuals import Residuals
from jupyter_mlops.stats.scores import Scores

MOST_POINTS: Final = 101
MOST_CLASSES: Final = 30


def points(kept: Labelled, classes: tuple[str, ...]) -> Curves:
    """Return what can be drawn of labelled answers; nothing of none."""
    if not kept.n:
        return {}
    if isinstance(kept, Scores):
        return _two(kept, classes)
    if isinstance(kept, Residuals):
        return _numbers(kept)
    return _several(kept)


def _two(kept: Scores, classes: tuple[str, ...]) -> Curves:
    yes, no, false, true = kept.confusion().tolist()
    return Curves(
        roc=line(curves.roc(kept)),
        precision_recall=line(curves.precision_recall(kept)),
        lift=line(curves.lift(kept)),
        gain=line(curves.gain(kept)),
        calibration=[
            Reliability(
                said=found.said,
                came=found.came.value,
                low=found.came.low,
                high=found.came.high,
                rows=found.rows,
            )
            for found in curves.calibration(kept)
        ],
        confusion=Table(labels=list(classes), counts=[[true, false], [no, yes]]),
    )


def _several(kept: ClassScores) -> Curves:
    if len(kept.labels) > MOST_CLASSES:
        return {}
    counts = np.maximum(kept.table, 0).tolist()
    return Curves(confusion=Table(labels=list(kept.labels), counts=counts))


def _numbers(kept: Residuals) -> Curves:
    if not kept.cuts.residuals:
        return {}
    spread = curves.residual_histogram(kept)
    edges, counts = curves.predicted_against_actual(kept)
    return Curves(
        residuals=Spread(
            edges=spread.edges.tolist(),
            counts=spread.counts.tolist(),
            below=spread.below,
            above=spread.above,
        ),
        predicted=Table(edges=edges.tolist(), counts=counts.tolist()),
    )


def line(found: Any) -> Line:
    """Thin out a curve to what a picture can show, both ends kept; undefined points left out."""
    defined = np.flatnonzero(np.isfinite(found.x) & np.isfinite(found.y))
    ends = np.linspace(0, max(len(defined) - 1, 0), min(MOST_POINTS, len(defined)))
    at = defined[ends.round().astype(int)]
    return Line(
        x=found.x[at].round(6).tolist(),
        y=found.y[at].round(6).tolist(),
        threshold=found.threshold[at].tolist(),
    )
