"""The shapes of what is registered: versions, whole and in lists, and who registered them."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

from jupyter_mlops.domain.watched import Figure

JSON = Any
Assurance = Literal["recorded", "authenticated", "signed", "present"]
Risk = Literal["low", "moderate", "high", "critical"]
Task = Literal["binary", "multiclass", "regression", "unknown"]
"""What a model answers; `unknown` of what has only a record here."""


class Feature(TypedDict):
    """One column a model reads, as it was in the training data."""

    name: str
    type: Literal["number", "integer", "boolean", "category"]
    levels: NotRequired[list[str]]
    low: NotRequired[float]
    high: NotRequired[float]
    missing: float


class Compiled(TypedDict):
    """Whether a faster form of the model is served, and how well it agrees with the original."""

    kept: bool
    form: str
    reason: str
    rows: int
    agree: float | None
    largest_difference: float | None
    flips: int | None


class Person(TypedDict):
    """Who did something, and how sure this place can be of it."""

    id: str
    kind: Literal["person", "service"]
    assurance: Assurance
    claims: dict[str, str]
    label: str


class Surrounding(TypedDict):
    """A library that a version was trained with in one version and finds here in another."""

    name: str
    trained: str
    here: str


class Footprint(TypedDict):
    """What a version takes up: stored, in memory, and until it answers; measured by its check."""

    bytes: int
    memory_mib: float
    load_seconds: float
    at: str


class Check(TypedDict):
    """One release check: what it found, with its figure."""

    check: str
    title: str
    outcome: Literal["passed", "failed", "not applicable"]
    figure: str
    because: str


class Version(TypedDict):
    """A registered version, whole, with what its newest release checks found."""

    ref: str
    name: str
    number: int
    digest: str
    format: str
    task: Task
    target: str
    classes: list[JSON]
    risk: Risk
    purpose: str
    owner: str
    unit: str
    description: str
    tags: list[str]
    features: list[Feature]
    protected: list[str]
    metrics: dict[str, Figure]
    measured_by: str
    compiled: Compiled
    lineage: dict[str, JSON]
    warnings: list[str]
    deployments: list[str]
    tried: list[str]
    created_at: str
    created_by: Person
    environment: list[Surrounding]
    footprint: Footprint | None
    checks: list[Check]
    checked_at: str
    held: str
    archived: str
    new: bool


class ModelRow(TypedDict):
    """A model in the list: its newest version and where it is live."""

    name: str
    ref: str
    versions: int
    task: Task
    risk: Risk
    owner: str
    purpose: str
    metric: str
    value: float | None
    deployments: list[str]
    created_at: str
    because: str


class Models(TypedDict):
    """The models that match; when words were looked for, those, as they were compared."""

    items: list[ModelRow]
    words: NotRequired[list[str]]
