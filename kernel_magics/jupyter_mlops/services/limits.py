"""The limits a version knows of: measured where its data is, bound to its manifest, read again."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from jupyter_mlops.domain import audit as chain
from jupyter_mlops.domain.limits import LEVELS, NONE, RAREST, Limits, read
from jupyter_mlops.errors import Corrupt

if TYPE_CHECKING:
    import numpy as np
    from sqlmodel import Session

    from jupyter_mlops.formats import Scorer
    from jupyter_mlops.store import tables

    Columns = Mapping[str, np.ndarray[Any, Any]]

PART: Final = "limits"
SCORED_ROWS: Final = 10_000
SURE: Final = tuple(t / 100 for t in range(55, 100, 5))


def measured(
    scorer: Scorer,
    features: Sequence[Mapping[str, Any]],
    train: Columns | None,
    holdout: Columns | None,
    target: str | None,
) -> dict[str, Any]:
    """Measure what rules of humility and intervals need to know; numbers have six figures.

    What the frames cannot tell is absent: without a holdout there are no intervals, without
    training data nothing is unusual or rare.
    """
    told: dict[str, Any] = {}
    if train is not None:
        told |= {"rare": _rare(features, train), "cloud": _cloud(features, train)}
        if target and target in train and scorer.task == "regression":
            told["target"] = _target(train[target])
    if holdout is not None and target and target in holdout:
        known = _first(train) if train is not None else None
        kind = _of_values if scorer.task == "regression" else _of_classes
        told |= kind(scorer, known, holdout, holdout[target])
    return {name: found for name, found in told.items() if found}


def digest(told: Mapping[str, Any] | None) -> str | None:
    """Return what a manifest says of such figures; None where there are none."""
    import rfc8785

    read(told)
    return chain.digest(rfc8785.dumps(told).decode()) if told else None


def remember(
    session: Session, version: tables.Version, told: Mapping[str, Any] | None, *, now: str
) -> None:
    """Keep the figures of a version that is being registered."""
    from jupyter_mlops.store.tables import Reference

    if told:
        kept = Reference(
            version_id=version.id,
            part=PART,
            known_at=now,
            rows=int(told.get("rows", 0)),
            columns=dict(told),
        )
        session.add(kept)


def of_version(session: Session, version: tables.Version, manifest: Mapping[str, Any]) -> Limits:
    """Return the figures a version was registered with; none for one of before there were any.

    Raises:
        Corrupt: they are not those its manifest speaks of.
    """
    import sqlmodel

    from jupyter_mlops.store.tables import Reference

    if not manifest.get("limits"):
        return NONE
    kept = session.exec(
        sqlmodel.select(Reference).where(Reference.version_id == version.id, Reference.part == PART)
    ).first()
    told = kept.columns if kept else {}
    if digest(told) != manifest["limits"]:
        raise Corrupt(
            "The figures about the limits of version {digest} were changed after registration.",
            "`audit --verify` says what else was; register the model again.",
            code="limits_changed",
            digest=version.digest,
        )
    return read(told)


def _of_values(
    scorer: Scorer, train: Columns | None, holdout: Columns, truth: Any
) -> dict[str, Any]:
    """Return half widths of intervals around a value, each from answers of about its size."""
    import numpy as np

    from jupyter_mlops.stats import conformal

    truth = truth.astype(float)
    known = np.isfinite(truth)
    said = scorer.score(holdout)[known]
    answers = scorer.score(train) if train is not None else said[:0]
    edges = [float(f"{edge:.6g}") for edge in conformal.categories(answers, said)]
    half = {
        level: _rounded(conformal.half_widths(truth[known], said, edges, level=float(level)))
        for level in LEVELS
    }
    intervals = {"edges": edges, "half": half}
    some = any(width is not None for widths in half.values() for width in widths)
    return {"rows": int(known.sum()), "intervals": intervals if some else None}


def _of_classes(
    scorer: Scorer, _train: Columns | None, holdout: Columns, truth: Any
) -> dict[str, Any]:
    """Return from which probability on a class is in an answer's set, and how right sureness is."""
    import numpy as np

    from jupyter_mlops.services.packing import as_labels
    from jupyter_mlops.stats import conformal

    positions = {str(name): at for at, name in enumerate(scorer.classes or ())}
    found = np.array([positions.get(label, -1) for label in as_labels(truth)])
    known = found >= 0
    chances, found = scorer.score(holdout)[known], found[known]
    least = {
        level: _figure(conformal.least_probability(chances, found, level=float(level)))
        for level in LEVELS
    }
    most, right = chances.max(axis=1), chances.argmax(axis=1) == found
    sure = [[t, int((most <= t).sum()), int((right & (most <= t)).sum())] for t in SURE]
    return {
        "rows": int(known.sum()),
        "least": {level: value for level, value in least.items() if value is not None},
        "sure": sure,
    }


def _rare(features: Sequence[Mapping[str, Any]], train: Columns) -> dict[str, dict[str, float]]:
    from collections import Counter

    found = {}
    for feature in features:
        if feature["type"] != "category":
            continue
        values = train[feature["name"]].tolist()
        counts = Counter(value for value in values if value is not None)
        shares = {level: count / len(values) for level, count in counts.items()}
        known = set(feature["levels"])
        found[feature["name"]] = {
            level: _figure(share) or 0.0
            for level, share in sorted(shares.items())
            if share < RAREST and level in known
        }
    return {name: levels for name, levels in found.items() if levels}


def _cloud(features: Sequence[Mapping[str, Any]], train: Columns) -> dict[str, Any] | None:
    """Measure where the training rows lie; None where they are few, or numbers none or too many."""
    import numpy as np

    from jupyter_mlops.stats import unusual

    names = [f["name"] for f in features if f["type"] in ("number", "integer")]
    names = [name for name in names if _varies(train[name])]
    rows = len(train[names[0]]) if names else 0
    if rows < unusual.FEWEST_ROWS or len(names) > unusual.MOST_FEATURES:
        return None
    found = unusual.cloud(np.column_stack([train[name].astype(float) for name in names]))
    return {
        "features": names,
        "center": _rounded(found.center),
        "scale": _rounded(found.scale),
        "root": [_rounded(row) for row in found.root],
        "distances": _rounded(found.distances),
    }


def _varies(column: Any) -> bool:
    import numpy as np

    finite = column[np.isfinite(column.astype(float))]
    return len(finite) > 1 and bool((finite != finite[0]).any())


def _target(truth: Any) -> dict[str, float | None]:
    import numpy as np

    known = truth.astype(float)
    known = known[np.isfinite(known)]
    if not len(known):
        return {}
    return {
        "mean": _figure(known.mean()),
        "low": _figure(known.min()),
        "high": _figure(known.max()),
    }


def _first(columns: Columns) -> Columns:
    return {name: values[:SCORED_ROWS] for name, values in columns.items()}


def _rounded(values: Any) -> list[float | None]:
    return [_figure(value) for value in values]


def _figure(value: Any) -> float | None:
    """Return a number of six figures, so that the same data gives the same bytes."""
    return float(f"{float(value):.6g}") if math.isfinite(value) else None
