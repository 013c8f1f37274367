"""How right several classes will turn out to be, before their labels have come."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

from jupyter_mlops.stats import cells, ranked
from jupyter_mlops.stats.classes import ClassScores
from jupyter_mlops.stats.expected import Draws, Measures, Told, told

Array = np.ndarray[Any, Any]

_SEED: Final = 20_260_404


def cbpe_of_classes(reference: ClassScores, current: Any, *, interval: float | None = None) -> Told:
    """Return what :func:`cbpe` tells of several classes, from profiles alone.

    Each class is calibrated against the rest, apart where it was said and where it was not.
    Measures: accuracy, macro_f1, weighted_f1, roc_auc (plain mean of one against the rest), and
    recall:LABEL, precision:LABEL.

    Args:
        reference: what :func:`jupyter_mlops.stats.classes.class_scores` kept.
        current: shape (k, cells, 2 said), as from :func:`jupyter_mlops.stats.classes.said_counts`.
        interval: the level of the band.
    """
    before, now = np.maximum(reference.counts, 0), np.maximum(current, 0)
    parts = [(place, said) for place in range(len(before)) for said in (0, 1)]
    return told(
        [before[place, :, :, said] for place, said in parts],
        [now[place, :, said] for place, said in parts],
        cells.MIDDLES,
        lambda drawn: _several_classes(drawn, reference.labels),
        interval,
        lambda drawn: _coupled(drawn, np.maximum(reference.table, 0)),
    )


def _several_classes(parts: list[Array], labels: tuple[str, ...]) -> Measures:
    """Return every measure of counts (…, cells, 2), two parts for each class: not said, said."""
    if not parts:
        return dict.fromkeys(("accuracy", "macro_f1", "weighted_f1", "roc_auc"), np.array(math.nan))
    apart = [(parts[i], parts[i + 1]) for i in range(0, len(parts), 2)]
    hit = _stacked([yes[..., 1] for _, yes in apart])
    false = _stacked([yes[..., 0] for _, yes in apart])
    lost = _stacked([no[..., 1] for no, _ in apart])
    f1 = ranked.ratio(2 * hit, 2 * hit + false + lost)
    truth = hit + lost
    areas = [ranked.auc((no + yes)[..., ::-1, :]) for no, yes in apart]
    told: Measures = {
        "accuracy": ranked.ratio(hit.sum(axis=-1), (hit + false).sum(axis=-1)),
        "macro_f1": _mean(f1),
        "weighted_f1": ranked.ratio(np.nansum(f1 * truth, axis=-1), truth.sum(axis=-1)),
        "roc_auc": _mean(np.stack(np.broadcast_arrays(*areas), axis=-1)),
    }
    for place, label in enumerate(labels):
        told[f"recall:{label}"] = ranked.ratio(hit[..., place], truth[..., place])
        told[f"precision:{label}"] = ranked.ratio(hit[..., place], (hit + false)[..., place])
    return told


def _mean(figures: Array) -> Array:
    """Return the mean over the classes that occur."""
    return ranked.ratio(np.nansum(figures, axis=-1), np.isfinite(figures).sum(axis=-1))


def _stacked(parts: list[Array]) -> Array:
    """Return the rows of each class, shape (…, k); a part without doubt has one draw only."""
    return np.stack(np.broadcast_arrays(*[part.sum(axis=-1) for part in parts]), axis=-1)


def _coupled(drawn: Draws, table: Array) -> Draws:
    """Return draws in which each row that is not what was said is another class instead.

    Which other one it is follows the reference's table; the hits that each class loses so, set how
    many there are among the rows where it was not said.
    """
    rng = np.random.default_rng(_SEED)
    others = np.where(np.eye(len(table), dtype=bool), 0.0, table + 1e-9)
    lost = np.zeros((len(drawn[0]), len(table)), dtype=np.int64) if drawn else np.zeros((0, 0))
    for place in range(len(drawn) // 2 if len(table) > 1 else 0):
        wrong = drawn[2 * place + 1][..., 0].sum(axis=-1).astype(np.int64)
        lost += rng.multinomial(wrong, others[:, place] / others[:, place].sum())
    return [
        part if place % 2 or not lost[:, place // 2].any() else _scaled(part, lost[:, place // 2])
        for place, part in enumerate(drawn)
    ]


def _scaled(part: Array, lost: Array) -> Array:
    """Return draws whose hits vary as ``lost`` does about their own mean."""
    own = part[..., 1].sum(axis=-1)
    wanted = lost * own.mean() / lost.mean()
    hits = part[..., 1] * (wanted / np.maximum(own, 1))[:, None]
    return np.stack([np.maximum(part.sum(axis=-1) - hits, 0), hits], axis=-1)
