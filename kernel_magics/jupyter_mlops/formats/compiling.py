"""The fastest form of a model that answers as the original does: its coefficients, or ONNX."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from jupyter_mlops.formats.parity import recombined, refusals


def compile_model(
    model: Any,
    features: Sequence[Mapping[str, Any]],
    columns: Mapping[str, np.ndarray[Any, Any]],
) -> tuple[bytes | None, dict[str, Any]]:
    """Compile a fitted estimator and compare; return the bytes if they are kept, and the record.

    The record holds ``kept``, ``form`` (``coefficients`` or ``onnx``), ``reason``, ``rows``,
    ``agree`` (share of rows within 1e-5), ``largest_difference`` and ``flips`` (rows whose label
    differs). A model that cannot be compiled is a reason, never an error.
    """
    from jupyter_mlops.formats import coefficients, onnx_format, skops_format

    original = skops_format.SklearnScorer(model)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # odd rows are asked about on purpose
        refuses = refusals(original, columns, features)
        rows = recombined(columns, features, without=refuses)
        data, found = coefficients.lowered(original, features, coefficients.beyond(rows, features))
        if data is not None:
            return data, replace(found, form="coefficients").to_dict()
        data, found = onnx_format.compiled(model, features, original, rows, refuses)
        return data, replace(found, form="onnx" if data else "").to_dict()
