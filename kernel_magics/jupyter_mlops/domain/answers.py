"""The shapes of what verbs answer, as JSON; the TypeScript types and the OpenAPI file are made of them."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

from jupyter_mlops.domain.agreed import HumilityRule, Rules
from jupyter_mlops.domain.alerted import (
    AlertCause,
    AlertRow,
    Alerts,
    Delivery,
    Rehearsal,
    RehearsedAlert,
    Webhook,
)
from jupyter_mlops.domain.anchored import AnchorRow, Anchors, AnchorVerdict, FieldChange
from jupyter_mlops.domain.audited import Audit, AuditEvent, Exported
from jupyter_mlops.domain.bundled import Bundle
from jupyter_mlops.domain.governed import Could, DryRun, Knows, Past, Policies, PolicyRow, Who
from jupyter_mlops.domain.imported import Imported, ImportedRow
from jupyter_mlops.domain.kept import Retention, RetentionRow
from jupyter_mlops.domain.masked import MaskRow, Masks
from jupyter_mlops.domain.registered import (
    Assurance,
    Check,
    Compiled,
    Feature,
    Footprint,
    ModelRow,
    Models,
    Person,
    Risk,
    Surrounding,
    Task,
    Version,
)
from jupyter_mlops.domain.requested import Comment, Contest, Evidence, FairnessFigure
from jupyter_mlops.domain.shelved import Aliases, AliasRow, Calls, HoldRow, Holds
from jupyter_mlops.domain.subjects import Erased, StandingRow, Subject, SubjectFile
from jupyter_mlops.domain.watched import (
    Accuracy,
    Batches,
    Budget,
    ChallengerRow,
    Challengers,
    Compared,
    Coverage,
    Drift,
    DriftRow,
    Driver,
    Explained,
    ExplainedBy,
    ExplainedPart,
    Figure,
    FiredRule,
    HeatRow,
    Humility,
    Monitor,
    Period,
    Point,
    Review,
    Service,
    Status,
    Together,
    Unusual,
    Watch,
)
from jupyter_mlops.domain.written import BlankRow, Document, Page, Tour

__all__ = [
    "Accuracy",
    "AlertCause",
    "AlertRow",
    "Alerts",
    "AliasRow",
    "Aliases",
    "AnchorRow",
    "AnchorVerdict",
    "Anchors",
    "Assurance",
    "Audit",
    "AuditEvent",
    "Batches",
    "BlankRow",
    "Budget",
    "Bundle",
    "Calls",
    "ChallengerRow",
    "Challengers",
    "Check",
    "Comment",
    "Compared",
    "Compiled",
    "Contest",
    "Could",
    "Coverage",
    "Delivery",
    "Document",
    "Drift",
    "DriftRow",
    "Driver",
    "DryRun",
    "Erased",
    "Evidence",
    "Explained",
    "ExplainedBy",
    "ExplainedPart",
    "Exported",
    "FairnessFigure",
    "Feature",
    "FieldChange",
    "Figure",
    "FiredRule",
    "Footprint",
    "HeatRow",
    "HoldRow",
    "Holds",
    "Humility",
    "HumilityRule",
    "Imported",
    "ImportedRow",
    "Knows",
    "MaskRow",
    "Masks",
    "ModelRow",
    "Models",
    "Monitor",
    "Page",
    "Past",
    "Period",
    "Person",
    "Point",
    "Policies",
    "PolicyRow",
    "Rehearsal",
    "RehearsedAlert",
    "Retention",
    "RetentionRow",
    "Review",
    "Risk",
    "Rules",
    "Service",
    "StandingRow",
    "Status",
    "Subject",
    "SubjectFile",
    "Surrounding",
    "Task",
    "Together",
    "Tour",
    "Unusual",
    "Version",
    "Watch",
    "Webhook",
    "Who",
]

Role = Literal["champion", "challenger"]
Gate = Literal["swap", "shadow", "canary"]
JSON = Any


class Checks(TypedDict):
    """The release checks of a version."""

    ref: str
    passed: bool
    items: list[Check]
    environment: list[Surrounding]
    kept: int
    withdrawn: bool


class Decision(TypedDict):
    """What somebody decided, and what that decision is worth; one that was withdrawn counts no more."""

    outcome: Literal["approved", "rejected", "break-glass"]
    by: Person
    comment: str
    at: str
    withdrawn_at: str


class Request(TypedDict):
    """A wish for a change, with its evidence and what was said of it.

    ``kind`` says of what, `version` of what is deployed; ``proposal`` holds the words that carry out a
    change of another kind. ``apply`` says that it is carried out once approved, ``because`` what came
    of what was just done; ``since_you_looked`` is what is new to who asks, since their last word about
    the deployment, and ``yours`` is what they may take back: changes they ask for, their request or
    their decision.
    """

    id: int
    kind: str
    ref: str
    digest: str
    deployment: str
    role: Role | Literal[""]
    state: Literal[
        "open",
        "changes asked",
        "approved",
        "rejected",
        "expired",
        "carried out",
        "superseded",
        "withdrawn",
        "void",
    ]
    risk: Risk
    reason: str
    requested_by: Person
    requested_at: str
    expires_at: str
    replaces: str | None
    policy: str
    needs: str
    label: str
    checks: list[Check]
    decisions: list[Decision]
    comments: list[Comment]
    changes_by: list[str]
    apply: bool
    evidence: Evidence
    since_you_looked: list[str]
    yours: list[Literal["settle", "withdraw"]]
    because: str
    proposal: str


class Requests(TypedDict):
    """The requests that match, newest first; ``request`` is the number of the one that was asked for."""

    items: list[Request]
    request: NotRequired[int]


class Trial(TypedDict):
    """A version on its way to become the champion; without ``next_share`` a person leads it."""

    ref: str
    gate: Gate
    share: float
    since: str
    next_share: float | None
    rows: int | None
    minutes: float | None
    because: str


class DeploymentRow(TypedDict):
    """A deployment in the fleet: what it serves, how it is, until when it has to be approved again."""

    name: str
    model: str
    version: str | None
    digest: str | None
    state: Literal["live", "waiting", "down", "retired"]
    status: Status
    because: str
    since: str | None
    risk: Risk
    owner: str
    predictions: int
    url: str | None
    canary: str | None
    share: float | None
    trial: Trial | None
    challengers: list[str]
    review_by: str | None
    approved_by: NotRequired[list[str]]
    alone: NotRequired[str]
    """By whose word alone it answers, in an emergency, until others approve the same."""


class Retired(DeploymentRow):
    """A deployment that has ended: who asked it lately, and the digest of what is kept of it."""

    bundle: str
    calls: Calls


class Deployments(TypedDict):
    """The deployments that match."""

    items: list[DeploymentRow]


class Rollout(TypedDict):
    """A change that was carried out."""

    deployment: str
    version: str
    digest: str
    replaced: str | None
    request: int
    role: Role
    gate: Gate
    because: str
    share: float
    url: str
    environment: list[Surrounding]
    seconds: float


class Server(TypedDict):
    """The prediction server of this workspace; its token stays in its file."""

    url: str
    pid: int
    started_at: str
    running: bool
    processes: int
    token_file: str


class Prediction(TypedDict):
    """One answer; ``id`` is the case, ``prediction_id`` this answer to it."""

    id: str
    prediction_id: str
    prediction: JSON
    probabilities: dict[str, float] | None
    interval: dict[str, list[float]] | None
    warnings: list[str]
    version: str


class Predictions(TypedDict):
    """Answers in the order of the rows."""

    deployment: str
    version: str
    digest: str
    items: list[Prediction]


class Actuals(TypedDict):
    """What was received, and how much of it belongs to a prediction."""

    deployment: str
    received: int
    matched: int
    unmatched: int


class Attention(TypedDict):
    """Something that needs a person, and the next word to type."""

    subject: str
    status: Status
    because: str
    next: str


class Overview(TypedDict):
    """What needs me: alerts, requests, deployments by health, models."""

    workspace: str
    headline: str
    attention: list[Attention]
    alerts: list[AlertRow]
    requests: list[Request]
    deployments: list[DeploymentRow]
    models: list[ModelRow]
    revision: int


class WorkspaceRow(TypedDict):
    """Where things are kept."""

    where: str
    folder: str
    database: str
    person: Person
    server: Server | None


class Diagnosis(TypedDict):
    """One thing that was looked at."""

    subject: str
    status: Status
    because: str
    hint: str


class Doctor(TypedDict):
    """What is wrong with this installation, and the highest assurance it can honestly give."""

    status: Status
    assurance: Assurance
    items: list[Diagnosis]
