"""What a version got right and wrong on the rows it was registered with and had not seen."""

from __future__ import annotations

from typing import Any

from jupyter_mlops.domain.answers import Version
from jupyter_mlops.domain.watched import Curves
from jupyter_mlops.services import judging
from jupyter_mlops.services.judging import Judge, Labelled
from jupyter_mlops.services.workspace import Workspace


def curves(ws: Workspace, version: Version) -> Curves:
    """Return what pictures of the holdout are drawn from; nothing for a version without one."""
    from jupyter_mlops.services import drawn

    kept = _kept(ws, version)
    return drawn.points(kept, tuple(map(str, version["classes"]))) if kept is not None else {}


def _kept(ws: Workspace, version: Version) -> Labelled | None:
    if version["task"] == "regression":
        return _numbers(ws, version["ref"])
    told: dict[str, Any] | None = judging.reference(ws, version["ref"])
    if told is None:
        return None
    if version["task"] == "binary":
        from jupyter_mlops.stats.scores import Scores

        return Scores.from_dict(told)
    from jupyter_mlops.stats.classes import ClassScores

    return ClassScores.from_dict(told)


def _numbers(ws: Workspace, ref: str) -> Labelled | None:
    import numpy as np

    from jupyter_mlops.stats.residuals import ResidualCuts

    found = judging.holdout_rows(ws, ref)
    told = judging.reference(ws, ref) or {}
    if found is None or not told.get("cuts"):
        return None
    _, said, truth = found
    cut = told["cuts"]
    cuts = ResidualCuts(cut["center"], cut["scale"], tuple(cut["residuals"]), tuple(cut["values"]))
    scores = np.array([np.nan if one is None else one for one in said], dtype=float)
    return Judge("regression", (), cuts).of(truth, scores)
