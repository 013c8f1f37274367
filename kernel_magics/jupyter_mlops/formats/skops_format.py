"""Scikit-learn models in skops archives, under our own allow-list, the same bytes each time.

skops names members by memory address and dates them. Here members are named by content, objects
numbered in order of appearance and dates fixed, so that one model is one digest.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from jupyter_mlops.errors import Invalid, MlopsError, Unsafe

if TYPE_CHECKING:
    from jupyter_mlops.domain.answers import Task
    from jupyter_mlops.formats import Packed

ALLOWED: Final = frozenset(
    {
        "functools.partial",
        "numpy.dtype",
        "numpy.mean",
        "scipy._lib.array_api_compat.numpy._aliases.asarray",
        "scipy.interpolate._bsplines.BSpline",
        "scipy.sparse._csr.csr_matrix",
        "sklearn._loss.loss.HalfTweedieLossIdentity",
        "sklearn.calibration._CalibratedClassifier",
        "sklearn.calibration._SigmoidCalibration",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.feature_selection._univariate_selection.f_classif",
        "sklearn.feature_selection._univariate_selection.f_regression",
        "sklearn.gaussian_process._gpc._BinaryGaussianProcessClassifierLaplace",
        "sklearn.gaussian_process.kernels.ConstantKernel",
        "sklearn.gaussian_process.kernels.Product",
        "sklearn.gaussian_process.kernels.RBF",
        "sklearn.gaussian_process.kernels.Sum",
        "sklearn.gaussian_process.kernels.WhiteKernel",
        "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
        "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
        "sklearn.tree._tree.Tree",
        "sklearn.utils.validation.check_array",
    }
)
"""What an archive may hold beyond what skops itself trusts. Trees are checked before they answer;
nearest-neighbour indexes are absent, as their structure cannot be."""

_DATE: Final = (1980, 1, 1, 0, 0, 0)
_MOST_MEMBERS: Final = 100_000
_LARGEST: Final = 4 << 30
_MOST_UNFOLDED: Final = 200
_FEW: Final = 64 << 20
"""Bytes that an archive may always unfold into; a small one full of zeros is no bomb."""
_SCHEMA: Final = "schema.json"


class SklearnScorer:
    """Answers with the estimator itself, one thread, on a frame of its own features."""

    def __init__(self, model: Any) -> None:
        from threadpoolctl import ThreadpoolController

        self.model = model
        self._threads = ThreadpoolController()  # to look for the libraries takes longer than a row
        self._names = _feature_names(model)
        self.task: Task = _task(model)
        self.classes: list[Any] | None = _classes(model)

    def score(self, columns: Mapping[str, np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
        """Return values, or class probabilities in the order of ``classes``."""
        return self._asked(columns, self._answer)

    def sums(self, columns: Mapping[str, np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
        """Return what a classifier adds up before it becomes probabilities, ``(n, k)``.

        Raises:
            AttributeError: it does not add up; most kinds do not.
        """
        decide = self.model.decision_function
        return self._asked(columns, lambda frame: np.asarray(decide(frame)).reshape(len(frame), -1))

    def _asked(
        self,
        columns: Mapping[str, np.ndarray[Any, Any]],
        answer: Callable[[Any], np.ndarray[Any, Any]],
    ) -> np.ndarray[Any, Any]:
        from jupyter_mlops.formats import frames

        names = self._names or list(columns)
        frame = frames.to_pandas({name: columns[name] for name in names})
        with self._threads.limit(limits=1):
            return answer(frame if self._names else frame.to_numpy())

    def _answer(self, frame: Any) -> np.ndarray[Any, Any]:
        if self.task == "regression":
            return np.asarray(self.model.predict(frame), dtype=np.float64).reshape(len(frame))
        if hasattr(self.model, "predict_proba"):
            return np.asarray(self.model.predict_proba(frame), dtype=np.float64)
        labels = np.asarray(self.model.predict(frame))
        hits = labels[:, None] == np.asarray(self.model.classes_)[None, :]
        return np.asarray(hits, dtype=np.float64)


def pack(model: Any) -> Packed:
    """Pack a fitted estimator; the same model gives the same bytes.

    Raises:
        Invalid: it was never fitted, or is neither classifier nor regressor.
        Unsafe: it holds types that are not on the allow-list.
    """
    import skops.io

    from jupyter_mlops.formats import Packed

    _check_fitted(model)
    try:
        raw = skops.io.dumps(model)
    except Exception as error:  # noqa: BLE001  (whatever a part's own pickling raises)
        raise Invalid(
            "{kind} cannot be packed: {why}.",
            "functions and objects of your own inside a pipeline cannot travel; use scikit-learn's.",
            code="model_not_packable",
            kind=type(model).__name__,
            why=str(error).splitlines()[0] if str(error) else type(error).__name__,
        ) from None
    data = canonical(raw)
    _check_types(data)
    return Packed(
        format="skops",
        data=data,
        task=_task(model),
        classes=_classes(model),
        feature_names=_feature_names(model),
        requirements=_requirements(),
        about={"estimator": _steps(model), "parameters": _parameters(model)},
    )


def load(data: bytes) -> SklearnScorer:
    """Read an archive whose types are all allowed and whose trees are all trees.

    Raises:
        Unsafe: a type is not allowed, a structure is forged, or the archive is malformed.
    """
    import skops.io

    check(data)
    try:
        model = skops.io.loads(data, trusted=sorted(ALLOWED))
        from jupyter_mlops.formats.trees import check_trees

        check_trees(model)
        return SklearnScorer(model)
    except MlopsError:
        raise
    except Exception as error:
        raise Unsafe(
            "The archive cannot be read: {why}.",
            "register the model again from the process that trained it.",
            code="archive_invalid",
            why=type(error).__name__,
        ) from error


def check(data: bytes) -> None:
    """Look at an archive and at the types it holds, before anything is built from them.

    Raises:
        Unsafe: a type is not allowed, or the archive is malformed.
    """
    _check_archive(data)
    _check_types(data)


def is_archive(data: bytes) -> bool:
    """Say whether the bytes are a zip with a skops schema in it."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return _SCHEMA in archive.namelist()
    except (zipfile.BadZipFile, ValueError, OSError):
        return False


def canonical(data: bytes) -> bytes:
    """Return an archive with the same content whose bytes depend on that content alone."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    schema = json.loads(members.pop(_SCHEMA))
    names = {
        name: hashlib.sha256(content).hexdigest() + "." + name.rpartition(".")[2]
        for name, content in members.items()
    }
    renamed = _renamed(schema, names, {})
    kept = {names[name]: content for name, content in members.items()}
    kept[_SCHEMA] = json.dumps(renamed, separators=(",", ":"), ensure_ascii=False).encode()
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name in sorted(kept):
            info = zipfile.ZipInfo(name, _DATE)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.create_system = 3
            archive.writestr(info, kept[name])
    return out.getvalue()


def _renamed(node: Any, names: Mapping[str, str], numbers: dict[Any, int]) -> Any:
    """Number the objects of a schema as they appear, and point to members by their new names.

    Equal texts and numbers share one number: whether Python keeps two equal strings as one object
    is chance, and for what cannot change it makes no difference.
    """
    if isinstance(node, list):
        return [_renamed(part, names, numbers) for part in node]
    if not isinstance(node, dict):
        return node
    told: dict[str, Any] = {}
    for key, value in node.items():
        if key == "__id__":
            identity = ("text", node["content"]) if node.get("is_json") else value
            told[key] = numbers.setdefault(identity, len(numbers) + 1)
        elif key == "file" and isinstance(value, str):
            told[key] = names.get(value, value)
        else:
            told[key] = _renamed(value, names, numbers)
    return told


def _check_archive(data: bytes) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OSError):
        infos = []
    names = {info.filename for info in infos}
    unfolded = sum(info.file_size for info in infos)
    fits = (
        0 < len(infos) <= _MOST_MEMBERS
        and len(names) == len(infos)
        and not any("/" in name or "\\" in name or name.startswith(".") for name in names)
        and unfolded <= min(_LARGEST, max(_FEW, _MOST_UNFOLDED * len(data)))
    )
    if not fits:
        raise Unsafe(
            "The archive is malformed or too large.",
            "register the model again from the process that trained it.",
            code="archive_invalid",
        )


def _check_types(data: bytes) -> None:
    import skops.io

    try:
        unknown = set(skops.io.get_untrusted_types(data=data)) - ALLOWED
    except Exception as error:
        raise Unsafe(
            "The archive cannot be read: {why}.", code="archive_invalid", why=type(error).__name__
        ) from error
    if unknown:
        raise Unsafe(
            "The model holds types that are not allowed: {types}.",
            "build it from scikit-learn's own parts.",
            code="unsafe_types",
            types=", ".join(sorted(unknown)[:5]),
        )


def _check_fitted(model: Any) -> None:
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    try:
        check_is_fitted(model)
    except (NotFittedError, TypeError):
        raise Invalid(
            "The model ({kind}) was never fitted.",
            "call its fit(…) first.",
            code="model_not_fitted",
            kind=type(model).__name__,
        ) from None


def _task(model: Any) -> Task:
    from sklearn.base import is_classifier, is_regressor

    if is_regressor(model):
        return "regression"
    if is_classifier(model):
        return "binary" if len(model.classes_) == 2 else "multiclass"  # noqa: PLR2004  (two classes)
    raise Invalid(
        "{kind} is neither a classifier nor a regressor.",
        "register a model that predicts a class or a number.",
        code="model_not_supported",
        kind=type(model).__name__,
    )


def _classes(model: Any) -> list[Any] | None:
    found = getattr(model, "classes_", None)
    return None if found is None else [_json(value) for value in np.asarray(found).tolist()]


def _json(value: Any) -> Any:
    return value if isinstance(value, str | int | bool) else _whole(value)


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else str(value)


def _feature_names(model: Any) -> list[str] | None:
    found = getattr(model, "feature_names_in_", None)
    return None if found is None else [str(name) for name in found]


def _requirements() -> dict[str, str]:
    from importlib.metadata import version

    return {name: version(name) for name in ("scikit-learn", "numpy", "scipy", "skops")}


def _steps(model: Any) -> str:
    steps = getattr(model, "steps", None)
    return " → ".join(type(part).__name__ for _, part in steps) if steps else type(model).__name__


def _parameters(model: Any) -> dict[str, str]:
    last = model.steps[-1][1] if getattr(model, "steps", None) else model
    return {name: str(value)[:200] for name, value in sorted(last.get_params(deep=False).items())}
