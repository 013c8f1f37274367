"""What is told of versions that were asked about the same rows: a test, far rows, pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, Literal

from jupyter_mlops.domain.compared import ApartRow, PairedTest, Pictured, SameRows
from jupyter_mlops.domain.health import FEWEST_LABELS, FIRST_METRIC
from jupyter_mlops.domain.measured import Figure
from jupyter_mlops.domain.monitoring import LOWER_IS_BETTER
from jupyter_mlops.locale import tell
from jupyter_mlops.services import accuracy, drawn, samerows
from jupyter_mlops.services.differences import LONGEST, Told
from jupyter_mlops.services.packing import figure, finite
from jupyter_mlops.services.samerows import Asked

if TYPE_CHECKING:
    import numpy as np

    from jupyter_mlops.stats.paired import Paired

    Array = np.ndarray[Any, Any]

LEVEL: Final = 0.95
FEWEST_OF_A_CLASS: Final = 10
MOST_APART: Final = 10
"""Rows that are shown for each version, those furthest apart first."""
MOST_FEATURES: Final = 50
MOST_POINTS: Final = 400
"""Rows that a picture of numbers shows, drawn evenly over the sample."""
_NOTHING: Final = Figure(value=None, low=None, high=None)

Verdict = Literal["better", "worse", "not proven", "unknown"]


def told(asked: Asked, sides: Sequence[Told]) -> SameRows:
    """Return what the rows say: tests against the first version, far rows, and pictures' points."""
    first = sides[0].ref
    others = [side for side in sides[1:] if side.ref in asked.raw] if first in asked.raw else []
    return SameRows(
        sample=asked.sample,
        rows=asked.rows,
        labelled=asked.labelled,
        unseen=samerows.unseen(sides, asked.sample),
        because=_because(asked, sides),
        absent=list(asked.absent),
        tests=[_tested(asked, first, other.ref, len(others)) for other in others],
        apart=[row for other in others for row in _apart(asked, sides[0], other)],
        pictures=_pictures(asked),
    )


def _because(asked: Asked, sides: Sequence[Told]) -> str:
    """Say which rows these are, and who may have learned from them."""
    where = {"n": f"{asked.rows:,}", "ref": asked.sample}
    fair = samerows.unseen(sides, asked.sample)
    if not fair:
        return tell("{n} rows that {ref} was trained on: figures are too good.", **where)
    others = [side.ref for side in sides if side.ref not in fair]
    if not others:
        return tell("{n} rows of the holdout that all were registered with.", **where)
    return tell(
        "{n} rows of the holdout of {ref}; whether {others} learned from them is not known.",
        **where,
        others=", ".join(others),
    )


def _tested(asked: Asked, first: str, other: str, tests: int) -> PairedTest:
    """Test the first metric's difference, at a level that holds for so many tests at once."""
    metric = FIRST_METRIC[asked.task]
    found = _difference(asked, first, other, 1 - (1 - LEVEL) / tests)
    difference = figure(found.difference) if found else _NOTHING
    p_value = finite(min(found.p_value * tests, 1.0)) if found else None
    verdict = _verdict(metric, difference, p_value)
    return PairedTest(
        ref=other,
        metric=metric,
        test=found.test if found else "",
        rows=asked.labelled,
        difference=difference,
        p_value=p_value,
        verdict=verdict,
        because=_sentence(metric, first, other, difference, verdict, asked.labelled),
        agreement=_agreement(asked, first, other),
        apart=float(asked.apart(first, other).mean()),
    )


def _difference(asked: Asked, first: str, other: str, level: float) -> Paired | None:
    """Return the paired test of a task; None where there are too few truths to tell."""
    from jupyter_mlops.stats import paired

    if asked.truth is None or asked.labelled < FEWEST_LABELS:
        return None
    known, truth = asked.known, asked.truth[asked.known]
    if asked.task == "regression":
        return paired.rmse(truth, asked.raw[first][known], asked.raw[other][known], level=level)
    if asked.task == "multiclass":
        right = [asked.labels(ref)[known] == truth for ref in (first, other)]
        return paired.share(*right, level=level)
    hit = truth == asked.classes[1]
    if min(hit.sum(), (~hit).sum()) < FEWEST_OF_A_CLASS:
        return None
    return paired.auc(hit, asked.scores(first)[known], asked.scores(other)[known], level=level)


def _verdict(metric: str, difference: Figure, p_value: float | None) -> Verdict:
    """Say better or worse only where the test and the interval both do."""
    value, low, high = difference["value"], difference["low"], difference["high"]
    if p_value is None or value is None or low is None or high is None:
        return "unknown"
    if p_value > 1 - LEVEL or low <= 0 <= high:
        return "not proven"
    return "better" if (value > 0) != (metric in LOWER_IS_BETTER) else "worse"


def _sentence(
    metric: str, first: str, other: str, difference: Figure, verdict: Verdict, rows: int
) -> str:
    values = {
        "metric": tell(accuracy.NAMES[metric]),
        "first": first,
        "ref": other,
        "n": f"{rows:,}",
        "value": _signed(difference["value"]),
        "low": _signed(difference["low"]),
        "high": _signed(difference["high"]),
    }
    if verdict == "unknown":
        return tell("{n} rows with a truth are too few to tell {ref} from {first}.", **values)
    if verdict == "not proven":
        return tell(
            "No difference between {ref} and {first} is proven: {metric} {value} ({low} to {high}),"
            " same {n} rows.",
            **values,
        )
    if verdict == "better":
        return tell(
            "{ref} is better than {first}: {metric} {value} ({low} to {high}), same {n} rows.",
            **values,
        )
    return tell(
        "{ref} is worse than {first}: {metric} {value} ({low} to {high}), same {n} rows.", **values
    )


def _signed(value: float | None) -> str:
    return "–" if value is None else f"{value:+.3g}".replace("-", "−")


def _agreement(asked: Asked, first: str, other: str) -> Figure:
    """Return the share of rows with the same label; a number has none to agree about."""
    from jupyter_mlops.stats.intervals import wilson

    if asked.task == "regression":
        return _NOTHING
    same = int((asked.labels(first) == asked.labels(other)).sum())
    return figure(wilson(same, asked.rows)) if asked.rows else _NOTHING


def _apart(asked: Asked, first: Told, other: Told) -> list[ApartRow]:
    """Return the rows on which two versions are furthest apart."""
    import numpy as np

    away = asked.apart(first.ref, other.ref)
    order = np.argsort(-away, kind="stable")[:MOST_APART]
    names = dict.fromkeys(f["name"] for side in (first, other) for f in side.manifest["features"])
    shown = list(names)[:MOST_FEATURES]
    return [
        _row(asked, first.ref, other.ref, int(at), float(away[at]), shown)
        for at in order
        if away[at] > 0
    ]


def _row(
    asked: Asked, first: str, other: str, at: int, away: float, names: Sequence[str]
) -> ApartRow:
    found = ApartRow(
        ref=other,
        row=at,
        apart=away,
        first=_answer(asked, first, at),
        other=_answer(asked, other, at),
        features={name: _plain(asked.columns[name][at]) for name in names},
    )
    if asked.truth is not None:
        found["truth"] = _plain(asked.truth[at])
    return found


def _answer(asked: Asked, ref: str, at: int) -> float | str:
    """Return the number that was said, the chance of the second class, or the label with its chance."""
    score = float(asked.scores(ref)[at])
    if asked.task != "multiclass":
        return score
    return f"{_plain(asked.labels(ref)[at])} ({score:.3g})"


def _plain(value: Any) -> Any:
    """Return a value as JSON has it; a long text is cut."""
    if isinstance(value, str):
        return value if len(value) <= LONGEST else value[: LONGEST - 1] + "…"
    if value is None:
        return None
    found = value.item() if hasattr(value, "item") else value
    return finite(found) if isinstance(found, float) else found


def _pictures(asked: Asked) -> list[Pictured]:
    if asked.task == "regression":
        return _numbers(asked)
    if asked.task != "binary" or asked.truth is None:
        return []
    from jupyter_mlops.stats import curves
    from jupyter_mlops.stats.scores import scores

    hit = asked.truth[asked.known] == asked.classes[1]
    if not hit.any() or hit.all():
        return []
    kept = {ref: scores(hit, asked.scores(ref)[asked.known]) for ref in asked.raw}
    return [
        Pictured(ref=ref, roc=drawn.line(curves.roc(found)), lift=drawn.line(curves.lift(found)))
        for ref, found in kept.items()
    ]


def _numbers(asked: Asked) -> list[Pictured]:
    """Return what was predicted of a few rows, the same of each version, and how far off it was."""
    import numpy as np

    at = np.unique(np.linspace(0, asked.rows - 1, min(MOST_POINTS, asked.rows)).round().astype(int))
    few: list[Pictured] = []
    for ref, said in asked.raw.items():
        pictured = Pictured(ref=ref, predicted=said[at].tolist())
        if asked.truth is not None:
            kept = at[asked.known[at]]
            pictured["residuals"] = (said[kept] - asked.truth[kept]).tolist()
        few.append(pictured)
    return few
