"""The shapes of what is said of a request, and of the evidence that it was made on."""

from __future__ import annotations

from typing import Literal, TypedDict

from jupyter_mlops.domain.measured import Figure
from jupyter_mlops.domain.registered import Person


class Comment(TypedDict):
    """What somebody said of a request: a comment, changes asked for or settled, a withdrawal."""

    kind: Literal["comment", "changes", "settled", "withdrawal"]
    by: Person
    text: str
    at: str


class Contest(TypedDict):
    """How the version did against the champion of that moment, on the same rows where it could be."""

    ref: str
    metric: str
    measured: Literal["registered", "same rows"]
    champion: Figure | None
    version: Figure | None
    verdict: Literal["better", "worse", "not proven", "unknown"]
    differences: int


class FairnessFigure(TypedDict):
    """A measure of fairness in one protected group, as a ratio of the group it is compared with."""

    measure: str
    attribute: str
    group: str
    ratio: float


class Evidence(TypedDict):
    """What a request was made on, frozen by ``digest``; what there was none of is empty.

    ``card`` and ``document`` are digests of the newest that were written of the version, ``lineage``
    that of where it comes from. An old request may lack any of them.
    """

    digest: str
    metrics: dict[str, Figure]
    contest: Contest | None
    fairness: list[FairnessFigure]
    card: str
    document: str
    lineage: str
