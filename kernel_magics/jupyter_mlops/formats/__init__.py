"""A model in, bytes out; bytes in, a scorer out."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from jupyter_mlops.domain import elsewhere
from jupyter_mlops.domain.imported import RECORD, only_a_record
from jupyter_mlops.errors import Invalid, Unsafe

if TYPE_CHECKING:
    import numpy as np

    from jupyter_mlops.domain.answers import Task

__all__ = ["Packed", "Scorer", "check", "load", "opened", "pack", "sniff"]

_ZIP = b"PK\x03\x04"
_LARGEST = 4 << 30
_COEFFICIENTS = b'{"form":"coefficients/1"'
_RECORD = b'{"form":"record/1"'

COMPILED = frozenset({"coefficients", "onnx"})
"""The forms that answer without the library the model was made with."""
FORMATS = COMPILED | {"skops", RECORD} | elsewhere.FORMATS


class Scorer(Protocol):
    """Answers columns with scores.

    ``score`` returns ``(n,)`` values for a regression and ``(n, k)`` class probabilities, in the
    order of ``classes``, otherwise.
    """

    task: Task
    classes: list[Any] | None

    def score(self, columns: Mapping[str, np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
        """Return the scores of the rows in these columns."""


@dataclass(frozen=True)
class Packed:
    """A model as bytes, and what has to be known to read them again."""

    format: str
    data: bytes = field(repr=False)
    task: Task
    classes: list[Any] | None
    feature_names: Sequence[str] | None
    requirements: dict[str, str]
    about: dict[str, Any]


def opened(model: Any) -> Any:
    """Return the live model: itself, or what a skops file holds, under our own allow-list.

    What a file is, its bytes say and not its name.

    Raises:
        Invalid: there is no such file.
        Unsafe: it is in a format that can run code when it is read, or holds what is not allowed.
    """
    if not isinstance(model, str | Path | bytes):
        return model
    data = model if isinstance(model, bytes) else _bytes(Path(model).expanduser())
    if sniff(data) != "skops":
        raise Unsafe(
            "A model file of this kind is not loaded here: reading it could run code that it brings.",
            "save the model with skops.io.dump, or register the live object; it is packed safely there.",
            code="unsafe_format",
        )
    from jupyter_mlops.formats import skops_format

    return skops_format.load(data).model


def pack(model: Any) -> Packed:
    """Pack a fitted model, live or in a skops file, in the format that suits it.

    Raises:
        Invalid: it is no model we can serve, or it was never fitted.
        Unsafe: it is a file that could run code when it is read.
    """
    model = opened(model)
    if not _is_estimator(model):
        raise Invalid(
            "{kind} is not a model that can be served.",
            "register a fitted scikit-learn classifier, regressor or pipeline of one.",
            code="model_not_supported",
            kind=type(model).__name__,
        )
    from jupyter_mlops.formats import skops_format

    return skops_format.pack(model)


def load(
    format: str,
    data: bytes,
    *,
    like: Mapping[str, Any] | None = None,
    allowed: Collection[str] = (),
) -> Scorer:
    """Read bytes into a scorer; ``like`` is the manifest that compiled forms need.

    ``allowed`` holds the places inside (``host:port``) that a model elsewhere may be asked at.

    Raises:
        Invalid: the model is known only by name.
        Refused: they are a record, with nothing that could answer.
        Unsafe: the bytes are not what the format promises, or hold types we do not allow.
    """
    found = sniff(data)
    if found != format:
        raise Unsafe(
            "These bytes are {found}, not {format}.",
            code="unsafe_format",
            found=found,
            format=format,
        )
    if format == RECORD:
        raise only_a_record()
    if format == "coefficients":
        from jupyter_mlops.formats import coefficients

        return coefficients.load(data, like or {})
    if format == "onnx":
        from jupyter_mlops.formats import onnx_format

        return onnx_format.load(data, like or {})
    if format == elsewhere.ADDRESS:
        from jupyter_mlops.formats import address

        return address.Asker(elsewhere.read(data), allowed=allowed)
    if format == elsewhere.NAMED:
        raise elsewhere.known_by_name()
    from jupyter_mlops.formats import skops_format

    return skops_format.load(data)


def check(data: bytes) -> None:
    """Look at what bytes of a model hold, as :func:`load` does, before anything is built from them.

    Raises:
        Unsafe: they hold types, operators, files or structures that we do not allow.
    """
    found = sniff(data)
    if found == "skops":
        from jupyter_mlops.formats import skops_format

        skops_format.check(data)
    elif found == "onnx":
        from jupyter_mlops.formats import onnx_format

        onnx_format.check(data)


def sniff(data: bytes) -> str:
    """Say from the bytes alone which of the formats they are, or ``unknown``."""
    if data.startswith(elsewhere.BEGINNING):
        return elsewhere.sniff(data)
    if data.startswith(_RECORD):
        return RECORD
    if data.startswith(_COEFFICIENTS):
        return "coefficients"
    if data[:4] == _ZIP:
        from jupyter_mlops.formats import skops_format

        return "skops" if skops_format.is_archive(data) else "unknown"
    from jupyter_mlops.formats import onnx_format

    return "onnx" if onnx_format.is_model(data) else "unknown"


def _is_estimator(model: Any) -> bool:
    named = type(model).__module__.partition(".")[0]
    return named == "sklearn" and hasattr(model, "get_params") and hasattr(model, "predict")


def _bytes(path: Path) -> bytes:
    try:
        if path.stat().st_size <= _LARGEST:
            return path.read_bytes()
    except OSError as error:
        raise Invalid(
            "The model file {path} cannot be read: {reason}.",
            "in a notebook, name the variable that holds the fitted model.",
            code="file_not_found",
            path=path,
            reason=error.strerror or "it is not there",
        ) from None
    raise Unsafe(
        "The model file is larger than {most} GB.",
        "register the live object; what is trained on belongs elsewhere.",
        code="archive_invalid",
        most=_LARGEST >> 30,
    )
