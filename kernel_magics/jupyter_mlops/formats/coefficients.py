r"""A model that adds up: its answer is a sum of one term per feature, so the terms are all of it.

Whatever scales, imputes and encodes each feature by itself before a linear model (logistic and linear
regression and their kin) is, taken together,

    raw = intercept + sum of weight_j * number_j + sum of table_j[category_j]

with one such sum for each class where there are more than two. The terms are found by asking the
estimator about chosen rows, never by looking at its parts, and the whole is kept only where it agrees
with the original beyond the training range too (:mod:`jupyter_mlops.formats.parity`).
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from operator import add, mul
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from jupyter_mlops.errors import Invalid, Unsafe
from jupyter_mlops.formats.parity import NEW_LEVEL, Parity, agreement

if TYPE_CHECKING:
    from jupyter_mlops.domain.answers import Task
    from jupyter_mlops.formats.skops_format import SklearnScorer

FORM: Final = "coefficients/1"
WITHIN: Final = 1e-8
MOST_LEVELS: Final = 1000

Column = np.ndarray[Any, Any]
Terms = list[float] | None
"""What one value adds to each sum; None where the model refuses it."""


class CoefficientsScorer:
    """Answers with sums alone; needs no library of the model's."""

    def __init__(self, told: Mapping[str, Any], manifest: Mapping[str, Any]) -> None:
        self.task: Task = manifest["task"]
        self.classes: list[Any] | None = list(manifest["classes"]) or None
        self.intercept = np.array(told["intercept"])
        self.link = told["link"]
        self.numbers = [f for f in told["features"] if "weights" in f]
        self.tables = [_Table(f) for f in told["features"] if "levels" in f]
        self._weights = np.array([f["weights"] for f in self.numbers]).reshape(
            len(self.numbers), len(self.intercept)
        )
        self._starts: list[float] = self.intercept.tolist()
        self._by_sum: list[list[float]] = self._weights.T.tolist()
        self._missing = np.array(
            [f["missing"] or np.zeros_like(self.intercept) for f in self.numbers]
        ).reshape(self._weights.shape)

    @property
    def is_quick(self) -> bool:
        """Say whether :meth:`score_one` may be asked."""
        return True

    def score(self, columns: Mapping[str, Column]) -> Column:
        """Return values, or class probabilities in the order of ``classes``."""
        rows = len(next(iter(columns.values()))) if columns else 0
        values = np.empty((rows, len(self.numbers)))
        for at, feature in enumerate(self.numbers):
            values[:, at] = columns[feature["name"]]
        raw = self._of_numbers(values)
        for table in self.tables:
            raw += table.terms(columns[table.name])
        return _LINKS[self.link](raw)

    def score_codes(self, numbers: Column, codes: Sequence[Column]) -> Column:
        """Return what :meth:`score` says of rows, given ``(k, n)`` numbers and the places of levels.

        A place is that of a level in the manifest; the first after them all is a new level's, the
        next one a missing value's.
        """
        raw = self._of_numbers(np.ascontiguousarray(numbers.T))
        for table, places in zip(self.tables, codes, strict=True):
            raw += table.at(places)
        return _LINKS[self.link](raw)

    def score_one(self, numbers: Sequence[float], texts: Sequence[str]) -> list[float]:
        """Return what :meth:`score` says of one row, given its numbers and its texts in their order.

        There is nothing missing and no new level among them: this is the quick way to an answer.
        """
        sums = [
            start + sum(map(mul, weights, numbers))
            for start, weights in zip(self._starts, self._by_sum, strict=True)
        ]
        for table, text in zip(self.tables, texts, strict=True):
            sums = [*map(add, sums, table.by_level[text])]
        return _ONE[self.link](sums)

    def _of_numbers(self, values: Column) -> Column:
        """Return what the intercept and ``(n, k)`` numbers add up to."""
        missing = np.isnan(values)
        if not missing.any():
            found: Column = values @ self._weights + self.intercept
            return found
        self._check_missing(missing)
        whole = np.where(missing, 0.0, values) @ self._weights + self.intercept
        return np.asarray(whole + missing @ self._missing)

    def _check_missing(self, missing: Column) -> None:
        for at in np.flatnonzero(missing.any(axis=0)):
            if self.numbers[at]["missing"] is None:
                raise refused(self.numbers[at]["name"], "a missing value")


class _Table:
    """What each level of a category adds."""

    def __init__(self, told: Mapping[str, Any]) -> None:
        self.name: str = told["name"]
        self._places = {level: at for at, level in enumerate(told["levels"])}
        self.new, self.missing = told["new"], told["missing"]
        self.by_level: dict[str, list[float]] = told["levels"]
        width = len(next(iter(told["levels"].values())))
        odd = [terms or [0.0] * width for terms in (self.new, self.missing)]
        self._all = np.array([*told["levels"].values(), *odd])

    def terms(self, column: Column) -> Column:
        """Return the terms of each row, ``(n, k)``."""
        values = column.tolist()
        at: list[Any] = list(map(self._places.get, values))
        if None in at:
            new, missing = len(self._places), len(self._places) + 1
            known = self._places.get
            at = [missing if value is None else known(value, new) for value in values]
        return self.at(np.array(at))

    def at(self, places: Column) -> Column:
        """Return the terms of levels by their places, ``(n, k)``."""
        new = len(self._places)
        if self.new is None and (places == new).any():
            raise refused(self.name, "a level it was not trained on")
        if self.missing is None and (places > new).any():
            raise refused(self.name, "a missing value")
        found: Column = self._all[places]
        return found


def lowered(
    original: SklearnScorer,
    features: Sequence[Mapping[str, Any]],
    rows: Mapping[str, Column],
) -> tuple[bytes | None, Parity]:
    """Return a model as its coefficients, where it is no more than that; ``rows`` to compare on."""
    if any(len(feature.get("levels") or ()) >= MOST_LEVELS for feature in features):
        return None, Parity.none("A category has too many levels.")
    manifest = {"task": original.task, "classes": original.classes or []}
    links = ("identity", "log") if original.task == "regression" else _CLASSES
    for link in links:
        try:
            told = _Probe(original, features, link).told()
            ours = CoefficientsScorer(told, manifest).score(rows)
            found = agreement(original.score(rows), ours)
        except Exception:  # noqa: BLE001, S112  (what does not add up raises what it likes)
            continue
        if found.kept and (found.largest_difference or 0.0) <= WITHIN:
            return json.dumps(told, separators=(",", ":"), allow_nan=False).encode(), found
    return None, Parity.none("It is no sum of one term per feature.")


def load(data: bytes, manifest: Mapping[str, Any]) -> CoefficientsScorer:
    """Read coefficients that fit the features of a manifest.

    Raises:
        Unsafe: they are not of this form, or of other features.
    """
    try:
        told = json.loads(data, parse_constant=_no_constant)
        _check(told, manifest)
        return CoefficientsScorer(told, manifest)
    except (ValueError, KeyError, TypeError, StopIteration, RecursionError):
        raise Unsafe(
            "The coefficients are not those of this version.",
            "register the model again from the process that trained it.",
            code="unsafe_format",
        ) from None


def _check(told: Mapping[str, Any], manifest: Mapping[str, Any]) -> None:
    named = [feature["name"] for feature in manifest["features"]]
    wide = len(told["intercept"])
    terms = [told["intercept"]]
    for feature in told["features"]:
        terms += [t for t in (feature["missing"], feature.get("weights")) if t is not None]
        terms += [t for t in (feature.get("new"), *feature.get("levels", {}).values()) if t]
    finite = all(
        len(term) == wide and all(type(x) is float and math.isfinite(x) for x in term)
        for term in terms
    )
    fits = sorted(feature["name"] for feature in told["features"]) == sorted(named)
    if told["form"] != FORM or not finite or not fits or told["link"] not in _LINKS:
        raise ValueError


class _Probe:
    """Asks an estimator about chosen rows, and takes the terms from what it says."""

    def __init__(
        self, original: SklearnScorer, features: Sequence[Mapping[str, Any]], link: str
    ) -> None:
        self._features = features
        self._link = link
        self._raw = _sums(original, link)
        self._base = {f["name"]: _ordinary(f) for f in features}
        self._zero = self._raw(self._row({}))[0]

    def told(self) -> dict[str, Any]:
        """Return the coefficients as they are kept.

        Raises:
            Exception: whatever the estimator raises about a row it cannot answer.
        """
        features = [self._term(feature) for feature in self._features]
        intercept = self._zero.copy()
        for feature in features:
            if "weights" in feature:
                intercept -= np.array(feature["weights"]) * self._base[feature["name"]]
        for feature in features:
            if "weights" in feature and feature["missing"] is not None:
                # a missing number adds no weight: what the ordinary one added has to come back
                ordinary = np.array(feature["weights"]) * self._base[feature["name"]]
                feature["missing"] = (np.array(feature["missing"]) + ordinary).tolist()
        return {
            "form": FORM,
            "link": self._link,
            "intercept": intercept.tolist(),
            "features": features,
        }

    def _term(self, feature: Mapping[str, Any]) -> dict[str, Any]:
        name = feature["name"]
        if feature["type"] == "category":
            levels = list(feature["levels"])
            raw = self._many(name, levels) - self._zero
            return {
                "name": name,
                "levels": dict(zip(levels, raw.tolist(), strict=True)),
                "new": self._odd(name, NEW_LEVEL),
                "missing": self._odd(name, None),
            }
        low, high = _range(feature)
        below, above = self._many(name, [low, high])
        weights = (above - below) / (high - low)
        return {
            "name": name,
            "weights": weights.tolist(),
            "missing": self._odd(name, math.nan),
        }

    def _odd(self, name: str, value: Any) -> Terms:
        """Return what an odd value adds; None where the estimator refuses it."""
        try:
            found = self._many(name, [value])[0] - self._zero
        except Exception:  # noqa: BLE001  (estimators refuse with whatever they like)
            return None
        return found.tolist() if np.isfinite(found).all() else None

    def _many(self, name: str, values: list[Any]) -> Column:
        return self._raw(self._row({name: values}))

    def _row(self, other: Mapping[str, list[Any]]) -> dict[str, Column]:
        count = max(map(len, other.values()), default=1)
        return {
            f["name"]: np.array(
                other.get(f["name"], [self._base[f["name"]]] * count),
                dtype=object if f["type"] == "category" else np.float64,
            )
            for f in self._features
        }


def _ordinary(feature: Mapping[str, Any]) -> Any:
    if feature["type"] == "category":
        return feature["levels"][0]
    if feature["type"] == "boolean":
        return 0.0
    return (feature["low"] + feature["high"]) / 2


def _range(feature: Mapping[str, Any]) -> tuple[float, float]:
    if feature["type"] == "boolean":
        return 0.0, 1.0
    low, high = feature["low"], feature["high"]
    return (low, high) if high > low else (low, low + 1.0)


def _sums(original: SklearnScorer, link: str) -> Callable[[Mapping[str, Column]], Column]:
    """Return what leads from rows to the sums that a link makes an answer of."""
    if link == "identity":
        return lambda rows: original.score(rows).reshape(-1, 1)
    if link == "log":
        return lambda rows: np.log(original.score(rows)).reshape(-1, 1)
    return original.sums


def _sigmoid(raw: Column) -> Column:
    small = np.exp(-np.abs(raw))
    found = np.where(raw >= 0, 1.0, small) / (1.0 + small)
    return np.hstack([1.0 - found, found])


def _softmax(raw: Column) -> Column:
    powers = np.exp(raw - raw.max(axis=1, keepdims=True))
    found: Column = powers / powers.sum(axis=1, keepdims=True)
    return found


def _one_vs_rest(raw: Column) -> Column:
    found = 1.0 / (1.0 + np.exp(-raw))
    scaled: Column = found / found.sum(axis=1, keepdims=True)
    return scaled


_CLASSES: Final = ("sigmoid", "softmax", "one_vs_rest")


_LINKS: Final[dict[str, Callable[[Column], Column]]] = {
    "identity": lambda raw: raw.reshape(-1),
    "log": lambda raw: np.exp(raw).reshape(-1),
    "sigmoid": _sigmoid,
    "softmax": _softmax,
    "one_vs_rest": _one_vs_rest,
}


def _one_sigmoid(sums: list[float]) -> list[float]:
    (raw,) = sums
    small = math.exp(-abs(raw))
    found = (1.0 if raw >= 0 else small) / (1.0 + small)
    return [1.0 - found, found]


_ONE: Final[dict[str, Callable[[list[float]], list[float]]]] = {
    "identity": lambda sums: sums,
    "log": lambda sums: [math.exp(sums[0])],
    "sigmoid": _one_sigmoid,
    "softmax": lambda sums: _softmax(np.array([sums]))[0].tolist(),
    "one_vs_rest": lambda sums: _one_vs_rest(np.array([sums]))[0].tolist(),
}


def beyond(
    columns: Mapping[str, Column], features: Sequence[Mapping[str, Any]], *, seed: int = 0
) -> dict[str, Column]:
    """Return rows whose numbers lie up to a whole range outside the training data, here and there."""
    rng = np.random.default_rng(seed)
    told = {}
    for feature in features:
        column = columns[feature["name"]]
        if feature["type"] in ("number", "integer") and "low" in feature:
            low, high = _range(feature)
            away = rng.random(len(column)) < 1 / len(features)
            values = rng.uniform(2 * low - high, 2 * high - low, len(column))
            column = np.where(away, values, column.astype(np.float64))
        told[feature["name"]] = column
    return told


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def refused(feature: str, what: str) -> Invalid:
    """Return what a caller is told when a model cannot answer a value at all."""
    return Invalid(
        "The model cannot answer: {feature} has {what}.",
        "retrain it with an imputer, or with an encoder that ignores unknown levels.",
        code="invalid_rows",
        feature=feature,
        what=what,
    )
