"""What happens to a model where the person is: packed, measured, described; nothing is stored.

Training data stays here. Profiles, figures and at most 10,000 sample rows travel on.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_mlops.domain import elsewhere as absent
from jupyter_mlops.domain.answers import Figure
from jupyter_mlops.domain.arguments import Here, Prepared
from jupyter_mlops.domain.names import check_name
from jupyter_mlops.errors import Invalid, did_you_mean
from jupyter_mlops.services import limits, origins

if TYPE_CHECKING:
    import numpy as np

    from jupyter_mlops.formats import Packed, Scorer

Columns = dict[str, "np.ndarray[Any, Any]"]


@dataclass(frozen=True)
class Roles:
    """Which columns of the person's frames mean what."""

    target: str | None
    id: str | None
    time: str | None
    protected: tuple[str, ...]

    @property
    def apart(self) -> set[str]:
        """Return the columns that no model reads."""
        return {name for name in (self.target, self.id, self.time) if name}


@dataclass(frozen=True)
class Given:
    """The frames that somebody named; of ``asked``, where it is said, the model is asked alone."""

    roles: Roles
    train: Columns | None
    holdout: Columns | None
    asked: Columns | None = None

    @property
    def known(self) -> Columns | None:
        """Return what shows the features: the training data, else the holdout."""
        return self.train if self.train is not None else self.holdout

    @property
    def frames(self) -> dict[str, Columns | None]:
        """Return the frames by their names."""
        return {"train": self.train, "holdout": self.holdout}

    @property
    def others(self) -> list[str]:
        """Return the columns that a model could read."""
        return [name for name in self.known or () if name not in self.roles.apart]


@dataclass(frozen=True)
class Candidate:
    """A packed model about to be measured; one that is known only by name has no scorer."""

    packed: Packed
    scorer: Scorer | None
    features: list[dict[str, Any]]
    compiled: bytes | None
    record: dict[str, Any]


def prepare_register(here: Here, *, model: Any = None, **options: Any) -> Prepared:
    """Pack the model and measure it on the frames, in the process that holds them.

    Raises:
        Invalid: the model was never fitted, a frame lacks a feature, or the target is not there.
        Unsafe: the model is a file in a format that could run code.
        UsageError: there is no model, and no word of where it runs.
    """
    from jupyter_mlops import formats

    here.progress("packing", 0.0)
    if model is None or options.get("elsewhere") or absent.is_address(model):
        from jupyter_mlops.services import elsewhere

        return elsewhere.prepare(here, model, options)
    file = model if isinstance(model, str | Path) else None
    model = formats.opened(model)
    absent.check_here(options)
    packed = formats.pack(model)
    data = given(options)
    names = _feature_names(packed.feature_names, data)
    check_frames(data, names)
    origin = {**here.origin(), **({"model_file": str(file)} if file else {})}
    lineage = origins.lineage(origin, options, data.frames)
    here.progress("compiling", 0.3)
    features = described(data.known, names)
    compiled = _compile(model, features, data.known)
    scorer = formats.load(packed.format, packed.data)
    return measured_on(here, data, Candidate(packed, scorer, features, *compiled), lineage)


def given(options: Mapping[str, Any]) -> Given:
    """Read the frames that somebody named, and what their columns mean."""
    roles = Roles(
        options.get("target"),
        options.get("id"),
        options.get("time"),
        tuple(options.get("protected") or ()),
    )
    return Given(roles, _columns(options.get("train")), _columns(options.get("holdout")))


def measured_on(
    here: Here, data: Given, candidate: Candidate, lineage: Mapping[str, Any]
) -> Prepared:
    """Measure a model on the frames, and return all that travels on."""
    here.progress("measuring", 0.6)
    packed, scorer, features = candidate.packed, candidate.scorer, candidate.features
    compiled, record = candidate.compiled, candidate.record
    train, holdout, known, roles = data.train, data.holdout, data.known, data.roles
    blobs = [packed.data, *([compiled] if compiled else [])]
    told: dict[str, Any] = {
        "model": {
            "$blob": _digest(packed.data),
            "format": packed.format,
            "task": packed.task,
            "classes": packed.classes or [],
            "requirements": packed.requirements,
            "about": packed.about,
            "features": features,
            "compiled": {"$blob": _digest(compiled) if compiled else None, **record},
            "lineage": lineage,
        }
    }
    seen = data.asked if data.asked is not None else holdout if holdout is not None else train
    if known is not None and seen is not None:
        told["train"], sample = _reference(scorer, known, seen, features, roles)
        blobs.append(sample)
    told["holdout"] = _holdout(scorer, holdout, roles, told.get("train"))
    if scorer is not None:
        told["model"]["limits"] = limits.measured(scorer, features, train, holdout, roles.target)
    here.progress("measured", 1.0)
    return Prepared(told, tuple(blobs))


def _columns(frame: Any) -> Columns | None:
    from jupyter_mlops.formats import frames

    if frame is None:
        return None
    return frames.columns(frames.read(frame) if isinstance(frame, str | Path) else frame)


def _feature_names(known: Sequence[str] | None, data: Given) -> list[str]:
    if known:
        return list(known)
    if data.known is not None:
        return data.others
    raise Invalid(
        "The model does not know the names of its features, and no frame shows them.",
        "name the training data: --train FRAME.",
        code="features_unknown",
    )


def check_frames(data: Given, names: Sequence[str]) -> None:
    """Raise unless the frames have rows, and every column that is spoken of."""
    roles = data.roles
    others = filter(None, (roles.target, roles.id, roles.time, *roles.protected))
    wanted = [
        *((name, "feature_missing") for name in names),
        *((n, "column_missing") for n in others),
    ]
    for what, columns in data.frames.items():
        if columns is None:
            continue
        for name, code in wanted:
            _check_column(columns, name, what, code)
        if not len(next(iter(columns.values()), ())):
            raise Invalid("The {what} frame has no rows.", code="frame_empty", what=what)


def _check_column(columns: Columns, name: str, what: str, code: str) -> None:
    if name in columns:
        return
    meant = did_you_mean(name, columns)
    raise Invalid(
        "The column {name} is not in the {what} frame.",
        "did you mean {meant}? Its columns are {columns}."
        if meant
        else "its columns are {columns}.",
        code=code,
        name=name,
        what=what,
        meant=meant,
        columns=", ".join(columns),
    )


def described(columns: Columns | None, names: Sequence[str]) -> list[dict[str, Any]]:
    """Describe each feature as the frame has it; where there is none, as a number."""
    from jupyter_mlops.formats import signature

    if columns is None:
        return [{"name": name, "type": "number", "missing": 0.0} for name in names]
    return signature.infer({name: columns[name] for name in names}, names=names)


def _compile(
    model: Any, features: list[dict[str, Any]], columns: Columns | None
) -> tuple[bytes | None, dict[str, Any]]:
    from jupyter_mlops.formats.compiling import compile_model
    from jupyter_mlops.formats.parity import Parity

    if columns is None:
        return None, Parity.none("no_sample").to_dict()
    return compile_model(
        model, features, {feature["name"]: columns[feature["name"]] for feature in features}
    )


def _reference(
    scorer: Scorer | None,
    known: Columns,
    seen: Columns,
    features: list[dict[str, Any]],
    roles: Roles,
) -> tuple[dict[str, Any], bytes]:
    """Profile the training data and the answers to unseen rows: the reference, frozen."""
    from jupyter_mlops.formats import frames
    from jupyter_mlops.services import judging
    from jupyter_mlops.stats.profile import reference

    columns = {}
    for feature in features:
        is_number = feature["type"] in ("number", "integer")
        found = reference(known[feature["name"]], kind="number" if is_number else "category")
        columns["feature:" + feature["name"]] = found.to_dict()
    scores, labels = answers(scorer, seen) if scorer is not None else (None, None)
    if scores is not None:
        columns["score"] = reference(scores, kind="number").to_dict()
    if labels is not None:
        columns["label"] = reference(labels, kind="category").to_dict()
    kept = judging.sampled(len(next(iter(seen.values()))))
    sample = frames.to_arrow({name: values[kept] for name, values in seen.items()})
    return {
        "digest": frames.digest(known),
        "rows": len(next(iter(known.values()))),
        "columns": list(known),
        "profile": columns,
        "sample": {"$blob": _digest(sample)},
        "protected": list(roles.protected),
    }, sample


def answers(scorer: Scorer, columns: Columns) -> tuple[Any, Any]:
    """Return one score per row, as the prediction log keeps it, and the labels of classes.

    The score is the probability of the second class (binary), of the winning class (multiclass)
    or the value itself (regression, whose labels are None).
    """
    import numpy as np

    raw = scorer.score(columns)
    if scorer.task == "regression":
        return raw, None
    classes = np.array([str(name) for name in scorer.classes or ()], dtype=object)
    labels = classes[raw.argmax(axis=1)]
    return (raw[:, 1] if scorer.task == "binary" else raw.max(axis=1)), labels


def _holdout(
    scorer: Scorer | None, columns: Columns | None, roles: Roles, reference: Any
) -> dict[str, Any] | None:
    """Measure the holdout, and profile it over the bins of the training data."""
    from jupyter_mlops.formats import frames
    from jupyter_mlops.stats.profile import Bins, profile

    if columns is None:
        return None
    truth = columns[roles.target] if roles.target and scorer is not None else None
    figures = measure(scorer, columns, truth) if scorer is not None and truth is not None else {}
    profiles = dict(reference["profile"])  # of the answers it is that of the holdout already
    for name, told in profiles.items():
        if name.startswith("feature:"):
            values = columns[name.removeprefix("feature:")]
            profiles[name] = profile(values, Bins.from_dict(told["bins"])).to_dict()
    return {
        "digest": frames.digest(columns),
        "rows": len(next(iter(columns.values()))),
        "metrics": figures,
        "profile": profiles,
        "truth": _truth(scorer, columns, truth)
        if scorer is not None and truth is not None
        else None,
    }


def _truth(scorer: Scorer, columns: Columns, truth: Any) -> dict[str, Any]:
    """Keep what the holdout's labels said of its scores, as counts."""
    from jupyter_mlops.services import judging

    told = truth.astype(float) if scorer.task == "regression" else as_labels(truth)
    return judging.holdout(scorer.task, scorer.classes or (), scorer.score(columns), told)


def measure(scorer: Scorer, columns: Columns, truth: Any) -> dict[str, Any]:
    """Return every metric of the task on these rows, each with its 95 % interval."""
    return measured(scorer.task, scorer.classes or (), scorer.score(columns), truth)


def measured(task: str, classes: Sequence[Any], raw: Any, truth: Any) -> dict[str, Figure]:
    """Return every metric of answers, (n,) or (n, k), where the truth is known."""
    import numpy as np

    from jupyter_mlops.stats import accuracy

    if task == "regression":
        known = ~np.isnan(truth.astype(float))
        found = accuracy.regression(truth.astype(float)[known], raw[known], interval=0.95)
    else:
        names = [str(name) for name in classes]
        labels = as_labels(truth)
        known = np.isin(labels, names)
        _check_classes(labels, names, known)
        if task == "binary":
            found = accuracy.binary(labels[known] == names[1], raw[known, 1], interval=0.95)
        else:
            found = accuracy.multiclass(labels[known], raw[known], labels=names, interval=0.95)
    return {name: figure(estimate) for name, estimate in found.items()}


def as_labels(truth: Any) -> Any:
    """Return class labels as the text they are compared by; 1.0 and 1 are the same class."""
    import numpy as np

    return np.array([_label(value) for value in truth.tolist()], dtype=object)


def figure(estimate: Any) -> Figure:
    """Return an estimate in the shape that answers carry: what cannot be told is null."""
    return Figure(
        value=finite(estimate.value), low=finite(estimate.low), high=finite(estimate.high)
    )


def _label(value: Any) -> str | None:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def figures(holdout: Any, metrics: Mapping[str, float] | None) -> dict[str, Any]:
    """Return the metrics a version is registered with: those of the holdout, and those it was told."""
    told = dict((holdout or {}).get("metrics") or {})
    for name, value in (metrics or {}).items():
        check_name(name, what="metric")
        if finite(value if isinstance(value, int | float) else None) is None:
            raise Invalid("The metric {name} is not a number.", code="metric_invalid", name=name)
        told[name] = {"value": float(value), "low": None, "high": None}
    return told


def finite(value: float | None) -> float | None:
    """Return the number, or None where JSON has no word for it."""
    return float(value) if value is not None and math.isfinite(value) else None


def _check_classes(labels: Any, classes: Sequence[str], known: Any) -> None:
    if known.any():
        return
    raise Invalid(
        "No value of the target is a class of this model.",
        "the model knows {classes}; the frame has {values}.",
        code="classes_differ",
        classes=", ".join(classes[:5]),
        values=", ".join(sorted({str(label) for label in labels[:50]})[:5]),
    )


def _digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()
