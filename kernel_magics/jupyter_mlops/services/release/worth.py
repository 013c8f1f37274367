"""How good the answers are: as a whole, in each slice, beside the champion, and by what they depend on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np

from jupyter_mlops.domain.answers import Figure, Task
from jupyter_mlops.domain.health import FIRST_METRIC
from jupyter_mlops.domain.monitoring import LOWER_IS_BETTER
from jupyter_mlops.services import packing
from jupyter_mlops.services.release.findings import Found
from jupyter_mlops.services.release.subject import Columns, Subject, scored

if TYPE_CHECKING:
    from jupyter_mlops.stats.intervals import Estimate

IMPORTANCE_ROWS: Final = 1000

Array = np.ndarray[Any, Any]


@dataclass
class _Said:
    """Answers that were given already, in the place of the model."""

    task: Task
    classes: list[Any] | None
    scores: Array

    def score(self, _columns: Mapping[str, Array]) -> Array:
        """Return them once more."""
        return self.scores


def metrics(subject: Subject) -> Found:
    """Measure the unseen rows again, and set each metric against the floor that the rules hold."""
    if unfit := _unfit(subject):
        return unfit
    measured = _measured(subject, np.ones(len(subject.scores), dtype=bool))
    first = FIRST_METRIC[subject.manifest["task"]]
    floors = subject.asked.floors
    missed = [m for m, floor in floors.items() if _is_below(m, _value(measured, m), floor)]
    shown = next(iter([*missed, *(m for m in floors if m in measured), first]))
    values = {"metric": shown, "value": _told(_value(measured, shown)), "floor": floors.get(shown)}
    detail = {name: told["value"] for name, told in measured.items()}
    if not floors:
        return Found(
            "not applicable",
            figure="{metric} {value}",
            because="No floor is agreed: `monitoring` of the rules may hold floors of accuracy.",
            values=values,
            detail=detail,
        )
    return Found(
        "failed" if missed else "passed",
        figure="{metric} {value}, floor {floor:g}" if shown in floors else "{metric} {value}",
        because="It does not reach the floor that the rules of the deployment hold: train it further,"
        " or agree on another floor there."
        if missed
        else "",
        values=values,
        detail=detail,
    )


def slices(subject: Subject) -> Found:
    """Find the segments that are proved worse than the rest, and hold each against the floors."""
    if unfit := _unfit(subject):
        return unfit
    from jupyter_mlops.stats.slices import worst

    apart = {subject.manifest["target"], *subject.asked.roles.values()}
    attributes = {name: values for name, values in subject.sample.items() if name not in apart}
    found = worst(attributes, losses(subject.manifest, subject.truth, subject.scores))
    if not found:
        return Found("passed", figure="no slice is proved worse than the rest")
    told = [(each, _slice_below(subject, attributes, each)) for each in found]
    below = next(((each, missed) for each, missed in told if missed), None)
    shown = below[0] if below else found[0]
    metric, value = below[1] if below else ("", None)
    values = {
        "slice": " & ".join(f"{name} {cell}" for name, cell in shown.conditions),
        "rows": shown.rows,
        "loss": shown.loss.value,
        "rest": shown.loss.value - shown.difference.value,
        "metric": metric,
        "value": _told(value),
        "floor": subject.asked.floors.get(metric),
    }
    if below:
        return Found(
            "failed",
            figure="{slice} ({rows} rows): {metric} {value}, floor {floor:g}",
            because="The floor holds for all rows together and not in this slice: look at its rows,"
            " and train with more of them.",
            values=values,
        )
    return Found(
        "passed" if subject.asked.floors else "not applicable",
        figure="worst: {slice} ({rows} rows), loss {loss:.3g} where the rest has {rest:.3g}",
        because=""
        if subject.asked.floors
        else "No floor is agreed: `monitoring` of the rules may hold floors of accuracy.",
        values=values,
    )


def champion(subject: Subject) -> Found:
    """Ask the champion the same unseen rows, and prove that this version is no worse by the margin."""
    other = subject.asked.champion
    if other is None:
        return Found("not applicable", because="There is no champion to compare with.")
    if subject.asked.role != "champion":
        return Found("not applicable", because="A challenger answers nobody.")
    if unfit := _unfit(subject):
        return unfit
    lacks = [f["name"] for f in other["manifest"]["features"] if f["name"] not in subject.sample]
    if lacks or other["manifest"]["classes"] != subject.manifest["classes"]:
        return Found(
            "not applicable",
            because="The champion reads what the rows of this version do not hold.",
        )
    return _beside(subject, other)


def importance(subject: Subject) -> Found:
    """Shuffle each feature in turn, and tell which one the answers depend on most."""
    if subject.truth is None:
        return Found("not applicable", because="The sample has no truth to compare with.")
    from jupyter_mlops.stats.importance import permutation

    truth, score = subject.truth[:IMPORTANCE_ROWS], subject.original.score
    if subject.manifest["task"] == "regression":
        truth, loss = truth.astype(float), _squared
    else:
        truth, loss = one_hot(truth, subject.manifest["classes"]), _cross_entropy
    rows = subject.rows(IMPORTANCE_ROWS)
    figures = permutation(score, rows, truth, loss=loss, repeats=1, seed=0)
    top = max(figures, key=lambda name: figures[name], default="")
    return Found("passed", figure=top, detail=figures)


def losses(manifest: Mapping[str, Any], truth: Any, scores: Array) -> Array:
    """Return what each row costs: the squared error, of classes half that of all of them (Brier).

    A row without a truth is NaN. Source: Brier 1950, Monthly Weather Review 78:1.
    """
    if manifest["task"] == "regression":
        return np.asarray((truth.astype(float) - scores) ** 2)
    hot = one_hot(truth, manifest["classes"])
    cost = ((hot - scores) ** 2).sum(axis=1) / 2
    return np.where(hot.any(axis=1), cost, np.nan)


def one_hot(truth: Array, classes: Sequence[Any]) -> Array:
    """Return for each row which class is the true one, shape (n, k)."""
    known = np.array([str(name) for name in classes], dtype=object)
    return np.asarray((packing.as_labels(truth)[:, None] == known[None, :]).astype(float))


def _beside(subject: Subject, other: Mapping[str, Any]) -> Found:
    from jupyter_mlops import formats
    from jupyter_mlops.stats.noninferiority import NoWorse

    manifest = other["manifest"]
    scorer = formats.load(
        manifest["format"],
        subject.artifacts.get(manifest["artifact"]),
        allowed=subject.home.allowed(),
    )
    rows = {feature["name"]: subject.sample[feature["name"]] for feature in manifest["features"]}
    known = np.isfinite(losses(subject.manifest, subject.truth, subject.scores))
    theirs = scored(scorer, rows, manifest["classes"])
    difference = _difference(subject, theirs, known)
    if not np.isfinite(difference.low):
        return Found("not applicable", because="There are too few rows with a truth to compare on.")
    found = NoWorse(difference, subject.asked.release["margin"])
    values = {
        "n": int(known.sum()),
        "metric": FIRST_METRIC[subject.manifest["task"]],
        **asdict(difference),
        "margin": found.margin,
        "champion": other["ref"],
    }
    figure = (
        "{metric} better by {value:+.1%} ({low:+.1%} to {high:+.1%}) than {champion}'s, {n} rows,"
        " margin {margin:.1%}"
        if subject.manifest["task"] == "regression"
        else "{metric} {value:+.3f} ({low:+.3f} to {high:+.3f}) beside {champion}, {n} rows, margin"
        " {margin:g}"
    )
    if found.is_proven:
        return Found("passed", figure=figure, values=values)
    return Found(
        "failed" if found.is_worse else "not applicable",
        figure=figure,
        because="It is worse than {champion} by more than the margin: look at its slices, train it"
        " further, or agree on a wider margin in `release` of the rules."
        if found.is_worse
        else "The rows are too few to prove that it is no worse than {champion}: register it with a"
        " larger holdout.",
        values=values,
    )


def _difference(subject: Subject, theirs: Array, known: Array) -> Estimate:
    """Return how much better the task's first metric is than the champion's, on the same rows."""
    from jupyter_mlops.stats import paired
    from jupyter_mlops.stats.noninferiority import rmse_gain

    truth, mine, theirs = cast("Array", subject.truth)[known], subject.scores[known], theirs[known]
    if subject.manifest["task"] == "regression":
        return rmse_gain(mine - truth.astype(float), theirs - truth.astype(float))
    right = one_hot(truth, subject.manifest["classes"]).argmax(axis=1)
    if subject.manifest["task"] == "binary":
        return paired.auc(right, theirs[:, 1], mine[:, 1]).difference
    said = (theirs.argmax(axis=1) == right, mine.argmax(axis=1) == right)
    return paired.share(*said).difference


def _unfit(subject: Subject) -> Found | None:
    """Say why nothing can be measured, if so."""
    if subject.truth is None:
        return Found("not applicable", because="The sample has no truth to compare with.")
    if not subject.asked.unseen:
        return Found(
            "not applicable",
            because="The version knows no rows it has not seen: register it with a holdout.",
        )
    return None


def _measured(subject: Subject, rows: Array) -> dict[str, Figure]:
    said = _Said(
        subject.manifest["task"], subject.manifest["classes"] or None, subject.scores[rows]
    )
    truth = cast("Array", subject.truth)
    measured: dict[str, Figure] = packing.measure(said, {}, truth[rows])
    return measured


def _slice_below(
    subject: Subject, attributes: Columns, found: Any
) -> tuple[str, float | None] | None:
    """Return the first metric whose whole interval misses its floor in a slice, with its value."""
    from jupyter_mlops.stats import columns
    from jupyter_mlops.stats.slices import cells

    if not subject.asked.floors:
        return None
    known = np.isfinite(losses(subject.manifest, subject.truth, subject.scores))
    inside = known.copy()
    for name, cell in found.conditions:
        places, names = cells(columns.as_column(attributes[name])[known])
        inside[known] &= np.array(names, dtype=object)[places] == cell
    measured = _measured(subject, inside)
    for metric, floor in subject.asked.floors.items():
        told = measured.get(metric)
        end = told and told["low" if metric in LOWER_IS_BETTER else "high"]
        if told and _is_below(metric, end, floor):
            return metric, told["value"]
    return None


def _value(measured: Mapping[str, Figure], metric: str) -> float | None:
    return measured[metric]["value"] if metric in measured else None


def _is_below(metric: str, value: float | None, floor: float) -> bool:
    if value is None:
        return False
    return value > floor if metric in LOWER_IS_BETTER else value < floor


def _told(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"


def _squared(truth: Array, score: Array) -> float:
    return float(((truth - score) ** 2).mean())


def _cross_entropy(truth: Array, score: Array) -> float:
    return float(-(truth * np.log(np.clip(score, 1e-9, 1))).sum(axis=1).mean())
