"""A version with everything that is tried on it, read when it is first needed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from jupyter_mlops.config import Home
from jupyter_mlops.errors import Invalid, Unavailable

if TYPE_CHECKING:
    from jupyter_mlops.formats import Scorer
    from jupyter_mlops.store.artifacts import Artifacts

FEW: Final = 200

Array = np.ndarray[Any, Any]
Columns = dict[str, Array]


@dataclass(frozen=True)
class Asked:
    """What the fresh process is to try, and what a deployment asks of it."""

    folder: str
    manifest: dict[str, Any]
    record: dict[str, Any]
    sample: str | None = None
    unseen: bool = False
    """The rows of the sample were no part of the training."""
    protected: list[str] = field(default_factory=list)
    roles: dict[str, str] = field(default_factory=dict)
    deployment: str = ""
    role: str = "champion"
    champion: dict[str, Any] | None = None
    floors: dict[str, float] = field(default_factory=dict)
    latency_ms: float | None = None
    release: dict[str, Any] = field(default_factory=dict)
    own: list[dict[str, str]] = field(default_factory=list)


class Subject:
    """What checks are about."""

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.manifest = asked.manifest
        self.features: list[dict[str, Any]] = asked.manifest["features"]
        self.home = Home(Path(asked.folder), "")

    @cached_property
    def artifacts(self) -> Artifacts:
        """Return where bytes are kept."""
        from jupyter_mlops.store.artifacts import Artifacts

        return Artifacts(self.home.artifacts)

    @cached_property
    def artifact(self) -> bytes:
        """Return the bytes of the model, hashed as they are read."""
        return self.artifacts.get(self.manifest["artifact"])

    @cached_property
    def compiled(self) -> bytes | None:
        """Return the bytes of the compiled form, if there is one."""
        fast = self.manifest["compiled"]
        return self.artifacts.get(fast) if fast else None

    @cached_property
    def original(self) -> Scorer:
        """Return the model as it was registered."""
        from jupyter_mlops import formats

        return formats.load(self.manifest["format"], self.artifact, allowed=self.home.allowed())

    @cached_property
    def served(self) -> Scorer:
        """Return the form of the model that will answer."""
        from jupyter_mlops import formats

        if self.compiled is None:
            return self.original
        return formats.load(formats.sniff(self.compiled), self.compiled, like=self.manifest)

    @cached_property
    def sample(self) -> Columns:
        """Return the rows that were kept at registration, with every column; none where none were."""
        from jupyter_mlops.formats import frames

        kept = self.asked.sample
        return frames.from_arrow(self.artifacts.get(kept)) if kept else {}

    @cached_property
    def truth(self) -> Array | None:
        """Return what really happened in the rows of the sample, where that is known."""
        return self.sample.get(self.manifest["target"])

    @cached_property
    def scores(self) -> Array:
        """Return what the model answers to the whole sample."""
        return self.score(self.rows())

    def rows(self, most: int | None = None) -> Columns:
        """Return rows of the sample as the model reads them."""
        names = [feature["name"] for feature in self.features]
        return {name: self.sample[name][:most] for name in names} if self.sample else {}

    def few(self, most: int = FEW) -> Columns:
        """Return some rows of the sample; where none were kept, one of ordinary values."""
        from jupyter_mlops.formats.signature import Reader, ordinary

        if self.sample:
            return self.rows(most)
        row = {feature["name"]: ordinary(feature) for feature in self.features}
        return Reader(self.features).columns([row])[0]

    def score(self, rows: Mapping[str, Array], scorer: Scorer | None = None) -> Array:
        """Return what the model, or another form of it, answers to rows.

        Raises:
            Invalid: it raises, or its answer is no prediction.
        """
        return scored(scorer or self.original, rows, self.manifest["classes"])


def scored(scorer: Scorer, rows: Mapping[str, Array], classes: list[Any]) -> Array:
    """Return the answers to rows, one per row, and per class where there are any.

    Raises:
        Invalid: the model raises, or its answer is no prediction.
    """
    try:
        scores = np.asarray(scorer.score(rows), dtype=np.float64)
    except (MemoryError, Unavailable):
        raise
    except Exception as error:  # noqa: BLE001  (a model raises whatever it likes)
        raise Invalid(
            "The model raises {kind} on rows like those it was registered with.",
            code="model_failed",
            kind=type(error).__name__,
        ) from None
    if not is_prediction(scores, rows, classes):
        raise Invalid(
            "The model answers with what is no prediction: no number, or not one for each row.",
            code="model_output_invalid",
        )
    return scores


def is_prediction(scores: Array, rows: Mapping[str, Array], classes: list[Any]) -> bool:
    """Say whether these are finite numbers, one per row and class."""
    count = len(next(iter(rows.values()))) if rows else len(scores)
    shape = (count, len(classes)) if classes else (count,)
    return scores.shape == shape and bool(np.isfinite(scores).all())
