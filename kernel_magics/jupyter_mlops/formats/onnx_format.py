"""A model compiled to ONNX: kept only when it answers as the original does.

Trees are compiled for float32, linear models for float64; whichever agrees first is kept. What the
original refuses (an unseen level, a missing value) the compiled form refuses too: it says so in its
own metadata.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from jupyter_mlops.errors import Unsafe
from jupyter_mlops.formats import trees, treetables
from jupyter_mlops.formats.coefficients import refused
from jupyter_mlops.formats.parity import Parity, agreement
from jupyter_mlops.formats.treenodes import check_ensembles

if TYPE_CHECKING:
    from jupyter_mlops.domain.answers import Task
    from jupyter_mlops.formats import Scorer

OPSET: Final = {"": 17, "ai.onnx.ml": 3}
_REFUSES: Final = "jupyter-mlops.refuses"
_MISSING: Final = "nan"
NUMBERS: Final = "jupyter-mlops.numbers"
TEXTS: Final = "jupyter-mlops.texts"
_ALLOWED_DOMAINS: Final = frozenset({"", "ai.onnx", "ai.onnx.ml"})

Column = np.ndarray[Any, Any]


class OnnxScorer:
    """Answers with onnxruntime, one thread, one input tensor per feature or one for all.

    One ordinary row of an ensemble of trees is answered from tables instead, given the ``graph``.
    """

    def __init__(self, data: bytes, manifest: Mapping[str, Any], graph: Any = None) -> None:
        self.task: Task = manifest["task"]
        self.classes: list[Any] | None = list(manifest["classes"]) or None
        self._session = _session(data)
        meta = self._session.get_modelmeta().custom_metadata_map
        self._refuses = frozenset(filter(None, meta.get(_REFUSES, "").split(",")))
        self._features = [_Input(feature) for feature in manifest["features"]]
        self._names = [feature.name for feature in self._features]
        self._has_text = any(feature.is_text for feature in self._features)
        kinds = {i.name: i.type for i in self._session.get_inputs()}
        self._is_merged = kinds.keys() <= {NUMBERS, TEXTS}
        self._one = not self._is_merged and len(kinds) == 1 and len(self._features) > 1
        wide = "tensor(double)" in kinds.values()
        self._dtype: Any = np.float64 if wide else np.float32
        self._only = self._session.get_inputs()[0].name
        self._output = [self._session.get_outputs()[-1].name]
        self.tables = self._tables_of(graph) if self._is_merged and graph is not None else None

    def score(self, columns: Mapping[str, Column]) -> np.ndarray[Any, Any]:
        """Return values, or class probabilities in the order of ``classes``."""
        if self._refuses and self._is_odd(columns):
            self._check(columns)
        if self._is_merged:
            return self._run(self._merged(columns))
        return self._run(self._matrix(columns) if self._one else self._tensors(columns))

    def score_one(self, numbers: Sequence[float], texts: Sequence[str]) -> list[float]:
        """Return what :meth:`score` says of one row, given its numbers and its texts in their order.

        There is nothing missing and no new level among them: this is the quick way to an answer.
        """
        if self.tables is not None:
            return self.tables.score_one(numbers, texts)
        found: list[float] = self._ask([numbers], [texts])[0].astype(np.float64).tolist()
        return found

    @property
    def is_quick(self) -> bool:
        """Say whether :meth:`score_one` may be asked."""
        return self._is_merged

    def _ask(self, numbers: Sequence[Sequence[float]], texts: Sequence[Sequence[str]]) -> Column:
        """Return the scores of ordinary rows in the width of the model."""
        feed = {}
        if numbers[0]:
            feed[NUMBERS] = np.array(numbers, dtype=self._dtype)
        if texts[0]:
            feed[TEXTS] = np.array(texts, dtype=object)
        found: Column = self._session.run(self._output, feed)[0]
        return found

    def _tables_of(self, graph: Any) -> treetables.TreeTables | None:
        """Return the tables of a graph of trees, where they answer as the runtime does."""
        try:
            tables = treetables.of(graph, NUMBERS, TEXTS)
            return tables if tables is not None and treetables.agrees(tables, self._ask) else None
        except Exception:  # noqa: BLE001  (a runtime raises what it likes; it then answers itself)
            return None

    def _run(self, feed: Mapping[str, Column]) -> Column:
        raw = self._session.run(self._output, feed)[0]
        found: Column = raw.astype(np.float64)
        return found.reshape(-1) if self.task == "regression" else found

    def _merged(self, columns: Mapping[str, Column]) -> dict[str, Column]:
        numbers = [columns[f.name] for f in self._features if not f.is_text]
        texts = [_as_text(columns[f.name]) for f in self._features if f.is_text]
        feed = {}
        if numbers:
            feed[NUMBERS] = np.stack(numbers, axis=1).astype(self._dtype)
        if texts:
            feed[TEXTS] = np.concatenate(texts, axis=1)
        return feed

    def _tensors(self, columns: Mapping[str, Column]) -> dict[str, Column]:
        feed = {}
        for feature in self._features:
            column = columns[feature.name]
            if feature.is_text:
                feed[feature.name] = _as_text(column)
            else:
                feed[feature.name] = column.astype(self._dtype).reshape(-1, 1)
        return feed

    def _matrix(self, columns: Mapping[str, Column]) -> dict[str, Column]:
        parts = [columns[feature.name] for feature in self._features]
        return {self._only: np.stack(parts, axis=1).astype(self._dtype)}

    def _is_odd(self, columns: Mapping[str, Column]) -> bool:
        """Say quickly whether a closer look is due: a category, or a missing number anywhere."""
        if self._has_text:
            return True
        return bool(np.isnan(np.concatenate([columns[name] for name in self._names])).any())

    def _check(self, columns: Mapping[str, Column]) -> None:
        for feature in self._features:
            column = columns[feature.name]
            if "missing" in self._refuses and feature.has_missing(column):
                raise refused(feature.name, "a missing value")
            if "new_level" in self._refuses and feature.has_new_level(column):
                raise refused(feature.name, "a level it was not trained on")


class _Input:
    """What the compiled model expects of one feature."""

    __slots__ = ("is_text", "levels", "name")

    def __init__(self, feature: Mapping[str, Any]) -> None:
        self.name: str = feature["name"]
        self.is_text = feature["type"] == "category"
        self.levels = frozenset(feature.get("levels") or ())

    def has_missing(self, column: Column) -> bool:
        if self.is_text:
            return any(value is None for value in column)
        return bool(np.isnan(column.astype(np.float64)).any())

    def has_new_level(self, column: Column) -> bool:
        return self.is_text and any(v is not None and v not in self.levels for v in column)


def compiled(
    model: Any,
    features: Sequence[Mapping[str, Any]],
    original: Scorer,
    rows: Mapping[str, Column],
    refuses: frozenset[str],
) -> tuple[bytes | None, Parity]:
    """Compile a fitted estimator and compare on rows; return the bytes if they are kept."""
    best = Parity.none("This kind of model cannot be compiled.")
    for wide, single in itertools.product((True, False), (False, True)):
        if single and any(feature["type"] == "category" for feature in features):
            continue
        data = _converted(model, features, wide=wide, single=single, refuses=refuses)
        if data is None:
            continue
        found = _compared(original, data, rows, features)
        if found.kept:
            return data, found
        best = found
    return None, best


def load(data: bytes, manifest: Mapping[str, Any]) -> Scorer:
    """Read a single-file model that uses standard operators only.

    Raises:
        Unsafe: :func:`check` refuses it, or the runtime or the manifest does not fit it.
    """
    model = check(data)
    try:
        return OnnxScorer(data, manifest, model.graph)
    except Exception as error:
        raise Unsafe(
            "The ONNX model cannot be read: {why}.",
            "register the model again from the process that trained it.",
            code="unsafe_format",
            why=type(error).__name__,
        ) from error


def check(data: bytes) -> Any:
    """Return the model as it is written, before anything is built from it.

    Raises:
        Unsafe: it points to files of its own or to operators of somebody else, or its trees are none
            or look at features that no row has.
    """
    model = _parsed(data)
    if model is None or not _is_plain(model):
        raise Unsafe(
            "The ONNX model points to files or operators outside itself.",
            "export it as one file with standard operators.",
            code="unsafe_format",
        )
    check_ensembles(model)
    return model


def is_model(data: bytes) -> bool:
    """Say whether the bytes are an ONNX model."""
    return data[:1] == b"\x08" and _parsed(data) is not None


def _parsed(data: bytes) -> Any:
    import onnx

    try:
        model = onnx.load_model_from_string(data)
    except Exception:  # noqa: BLE001  (protobuf raises what it likes; none of it is a model)
        return None
    return model if model.graph.node else None


def _is_plain(model: Any) -> bool:
    attributes = [attribute for node in model.graph.node for attribute in node.attribute]
    sparse = [*model.graph.sparse_initializer]
    tensors = [*model.graph.initializer]
    for attribute in attributes:
        sparse += [*attribute.sparse_tensors, attribute.sparse_tensor]
        tensors += [*attribute.tensors, attribute.t]
    tensors += [part for one in sparse for part in (one.values, one.indices)]
    return (
        all(opset.domain in _ALLOWED_DOMAINS for opset in model.opset_import)
        and not model.functions
        and not model.training_info
        and all(node.domain in _ALLOWED_DOMAINS for node in model.graph.node)
        and not any(attribute.HasField("g") or attribute.graphs for attribute in attributes)
        and all(_is_inside(tensor) for tensor in tensors)
    )


def _is_inside(tensor: Any) -> bool:
    """Say whether the numbers of a tensor are in the model, and in no file beside it."""
    return not tensor.external_data and tensor.data_location != tensor.EXTERNAL


def _session(data: bytes) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])


def _converted(
    model: Any,
    features: Sequence[Mapping[str, Any]],
    *,
    wide: bool,
    single: bool,
    refuses: frozenset[str],
) -> bytes | None:
    """Convert, or return None: what skl2onnx cannot do is not our caller's concern."""
    import logging
    import warnings

    logging.getLogger("skl2onnx").setLevel(logging.ERROR)
    try:
        if trees.ask_what_is_missing(model):  # it would look for a number next to infinity for ever
            return None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _convert(model, features, wide=wide, single=single, refuses=refuses)
    except Exception:  # noqa: BLE001  (converters raise whatever they like)
        return None


def _convert(
    model: Any,
    features: Sequence[Mapping[str, Any]],
    *,
    wide: bool,
    single: bool,
    refuses: frozenset[str],
) -> bytes:
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import (
        DoubleTensorType,
        FloatTensorType,
        StringTensorType,
    )

    number = DoubleTensorType if wide else FloatTensorType
    inputs = [
        (f["name"], (StringTensorType if f["type"] == "category" else number)([None, 1]))
        for f in features
    ]
    if single:
        inputs = [("features", number([None, len(features)]))]
    options = {id(model): {"zipmap": False}} if hasattr(model, "classes_") else None
    converted = convert_sklearn(
        model, name="model", initial_types=inputs, options=options, target_opset=OPSET
    )
    if not single:
        _merge_inputs(converted, number)
    entry = converted.metadata_props.add()
    entry.key, entry.value = _REFUSES, ",".join(sorted(refuses))
    data: bytes = converted.SerializeToString(deterministic=True)
    return data


def _merge_inputs(model: Any, number: Any) -> None:
    """Let all numbers come in one tensor and all texts in another: a few inputs cost less than many."""
    from onnx import helper

    text = helper.np_dtype_to_tensor_dtype(np.dtype(object))
    named: dict[str, list[str]] = {NUMBERS: [], TEXTS: []}
    for found in model.graph.input:
        named[TEXTS if found.type.tensor_type.elem_type == text else NUMBERS].append(found.name)
    del model.graph.input[:]
    split = []
    for name, parts in named.items():
        if not parts:
            continue
        kind = text if name == TEXTS else number().to_onnx_type().tensor_type.elem_type
        model.graph.input.append(helper.make_tensor_value_info(name, kind, [None, len(parts)]))
        sizes = helper.make_tensor(f"{name}.sizes", 7, [len(parts)], [1] * len(parts))
        model.graph.initializer.append(sizes)
        split.append(helper.make_node("Split", [name, sizes.name], parts, axis=1))
    nodes = [*split, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _compared(
    original: Scorer,
    data: bytes,
    rows: Mapping[str, Column],
    features: Sequence[Mapping[str, Any]],
) -> Parity:
    manifest = {
        "task": original.task,
        "classes": original.classes or [],
        "features": list(features),
    }
    try:
        check(data)  # what could not be read back is not kept
        return agreement(original.score(rows), OnnxScorer(data, manifest).score(rows))
    except Exception:  # noqa: BLE001  (a session that does not run is a reason, not an error)
        return Parity.none("The compiled form does not run.")


def _as_text(column: Column) -> Column:
    """Write a missing category as ``nan``, which is what the converter calls it.

    The word itself, sent by somebody, is no level of ours and stays one that nobody has seen.
    """
    if None not in column and _MISSING not in column:
        return column.reshape(-1, 1)
    said = {None: _MISSING, _MISSING: _MISSING + " "}
    told = column.copy()
    told[:] = [said.get(value, value) for value in column]
    return told.reshape(-1, 1)
