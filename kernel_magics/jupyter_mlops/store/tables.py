"""The whole schema: what people registered and decided here, what they laid down in ``governed``, what happened in ``observed``.

Tables are records: they do not validate (SQLModel tables never do on construction) and know no
joins. Rules are in ``domain``, joins are written where they are needed, in ``services``. Moments
are ISO 8601 text in UTC, which sorts; ``known_at`` is when the store learnt of something,
``at`` when it happened. Values without a question of their own are JSON.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, Column, ForeignKey, Index, Text, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from jupyter_mlops.store.anchored import Anchor, Checkpoint
from jupyter_mlops.store.columns import NUMBER, as_json, as_text
from jupyter_mlops.store.governed import PolicyVersion
from jupyter_mlops.store.observed import (
    Alert,
    Delivery,
    Evaluation,
    Finding,
    Pending,
    Profile,
    Reference,
    Segment,
    Webhook,
)
from jupyter_mlops.store.privacy import Erasure, Mask, Retention
from jupyter_mlops.store.requested import Remark

__all__ = [
    "Alert",
    "Anchor",
    "Answer",
    "Archived",
    "AuditEvent",
    "CheckResult",
    "Checkpoint",
    "Decision",
    "Delivery",
    "Deployment",
    "Erasure",
    "Evaluation",
    "Finding",
    "Hold",
    "Listing",
    "Mask",
    "Model",
    "OwnCheck",
    "Pending",
    "Policy",
    "PolicyVersion",
    "Profile",
    "Reference",
    "Remark",
    "Request",
    "Retention",
    "Rollout",
    "Rules",
    "Segment",
    "Setting",
    "Version",
    "Webhook",
]


class Setting(SQLModel, table=True):
    """A fact about the store itself: its identity, its salt, when it was made."""

    __tablename__ = "setting"

    name: str = Field(primary_key=True)
    value: str = as_text()


class Model(SQLModel, table=True):
    """A name under which versions with the same target and task are kept."""

    __tablename__ = "model"

    id: int = Field(default=None, primary_key=True)
    name: str = Field(unique=True, index=True)
    target: str
    task: str
    classes: list[Any] = as_json()
    risk: str
    purpose: str = as_text()
    owner: str = as_text()
    unit: str = as_text()
    description: str = as_text()
    at: str


class Version(SQLModel, table=True):
    """A model as it was registered; ``digest`` is that of its canonical manifest."""

    __tablename__ = "version"
    __table_args__ = (
        UniqueConstraint("model_id", "number"),
        UniqueConstraint("model_id", "digest"),
    )

    id: int = Field(default=None, primary_key=True)
    model_id: int = Field(foreign_key="model.id", index=True)
    number: int
    digest: str = Field(index=True)
    manifest: str = as_text()
    risk: str
    tags: list[str] = as_json()
    description: str = as_text()
    metrics: dict[str, Any] = as_json()
    measured_by: str
    compiled: dict[str, Any] = as_json()
    lineage: dict[str, Any] = as_json()
    author: dict[str, Any] = as_json()
    at: str


class Listing(SQLModel, table=True):
    """How a model stands in the list: by its newest version, with every text it is found by.

    `store.listing` keeps it; its index is the database's own (`listing_grams`, `grams`). ``name``,
    ``owner``, ``unit`` and ``text`` are as `domain.searched` compares texts, ``data`` holds the digests
    of training data and holdout, ``features`` their names as JSON.
    """

    __tablename__ = "listing"
    __table_args__ = (Index("ix_listing_newest", "archived", "at", "version_id"),)

    model_id: int = Field(
        sa_column=Column(ForeignKey("model.id"), primary_key=True, autoincrement=False)
    )
    version_id: int = Field(foreign_key="version.id")
    versions: int
    archived: bool
    at: str
    name: str
    owner: str = as_text()
    unit: str = as_text()
    data: str
    features: str = as_text()
    text: str = as_text()


class Archived(SQLModel, table=True):
    """A version that was put away, and the digest of the bundle that was kept of it."""

    __tablename__ = "archived"

    version_id: int = Field(
        sa_column=Column(ForeignKey("version.id"), primary_key=True, autoincrement=False)
    )
    bundle: str
    reason: str = as_text()
    actor: dict[str, Any] = as_json()
    at: str


class Hold(SQLModel, table=True):
    """A duty to keep what a subject (`version:…`, `deployment:…`) is, until somebody releases it."""

    __tablename__ = "hold"
    __table_args__ = (
        Index(
            "ix_hold_standing",
            "subject",
            unique=True,
            sqlite_where=text("released_at = ''"),
            postgresql_where=text("released_at = ''"),
        ),
    )

    id: int = Field(default=None, primary_key=True)
    subject: str = Field(index=True)
    because: str = as_text()
    actor: dict[str, Any] = as_json()
    at: str
    released_at: str = ""


class CheckResult(SQLModel, table=True):
    """What a release check found about a version."""

    __tablename__ = "check_result"

    id: int = Field(default=None, primary_key=True)
    version_id: int = Field(foreign_key="version.id", index=True)
    run: str
    name: str
    outcome: str
    figure: str = as_text()
    because: str = as_text()
    detail: dict[str, Any] = as_json()
    at: str


class OwnCheck(SQLModel, table=True):
    """A check as somebody wrote it; the newest number applies, and one without a digest ended it."""

    __tablename__ = "own_check"
    __table_args__ = (UniqueConstraint("name", "number"),)

    id: int = Field(default=None, primary_key=True)
    name: str = Field(index=True)
    number: int
    digest: str
    model_id: int | None = Field(default=None, foreign_key="model.id")
    at: str


class Policy(SQLModel, table=True):
    """What was asked of the approvals of a request, kept by its digest; requests point to it."""

    __tablename__ = "policy"

    id: int = Field(default=None, primary_key=True)
    risk: str = Field(index=True)
    digest: str
    body: str = as_text()
    at: str


class Request(SQLModel, table=True):
    """A wish for a change, bound to what it was made of: a version somewhere, or ``change`` as it is frozen."""

    __tablename__ = "request"

    id: int = Field(default=None, primary_key=True)
    version_id: int | None = Field(default=None, foreign_key="version.id", index=True)
    kind: str = Field(default="version", sa_column_kwargs={"server_default": "version"})
    change: str = Field(default="", sa_column=Column(Text, nullable=False, server_default=""))
    deployment: str = Field(index=True)
    role: str
    state: str = Field(index=True)
    risk: str
    reason: str = as_text()
    manifest_digest: str
    policy_digest: str
    evidence_digest: str
    evidence: str = as_text()
    nonce: str
    requester: dict[str, Any] = as_json()
    at: str
    expires_at: str


class Decision(SQLModel, table=True):
    """What one person decided about one request, and the statement it stands for."""

    __tablename__ = "decision"
    __table_args__ = (UniqueConstraint("request_id", "person"),)

    id: int = Field(default=None, primary_key=True)
    request_id: int = Field(foreign_key="request.id", index=True)
    person: str
    outcome: str
    assurance: str
    actor: dict[str, Any] = as_json()
    comment: str = as_text()
    statement: str = as_text()
    signature: str = ""
    at: str
    known_at: str


class Deployment(SQLModel, table=True):
    """A place where applications ask; its name is what they know."""

    __tablename__ = "deployment"

    id: int = Field(default=None, primary_key=True)
    name: str = Field(unique=True, index=True)
    model_id: int = Field(foreign_key="model.id")
    state: str
    at: str


class Rollout(SQLModel, table=True):
    """One version carried into one role of one deployment, once, by one approved request.

    A rollback carries a version that was live before into its role again, by the same request.
    A champion's ``share`` below 1 is a candidate's: 0 in shadow, above it a canary. A challenger's is
    0 for good. ``plan`` is the way that a candidate goes by itself, empty where a person leads it.
    """

    __tablename__ = "rollout"
    __table_args__ = (
        Index(
            "ix_rollout_once",
            "request_id",
            unique=True,
            sqlite_where=text("action = 'deploy'"),
            postgresql_where=text("action = 'deploy'"),
        ),
    )

    id: int = Field(default=None, primary_key=True)
    deployment_id: int = Field(foreign_key="deployment.id", index=True)
    version_id: int = Field(foreign_key="version.id")
    request_id: int = Field(foreign_key="request.id")
    action: str
    role: str
    state: str = Field(index=True)
    because: str = as_text()
    at: str
    since: str = ""
    until: str = ""
    gate: str = "swap"
    share: float = 1.0
    plan: dict[str, Any] = Field(
        default_factory=dict, sa_column=Column(JSON(none_as_null=True), nullable=False)
    )


class Rules(SQLModel, table=True):
    """The rules of a deployment as somebody wrote them; the newest number applies."""

    __tablename__ = "rules"
    __table_args__ = (UniqueConstraint("deployment_id", "number"),)

    id: int = Field(default=None, primary_key=True)
    deployment_id: int = Field(foreign_key="deployment.id", index=True)
    number: int
    digest: str
    text: str = as_text()
    body: str = as_text()
    at: str


class Answer(SQLModel, table=True):
    """What a person wrote into the documents of a subject, for one version; the newest row counts."""

    __tablename__ = "answer"

    id: int = Field(default=None, primary_key=True)
    subject: str = Field(index=True)
    version_id: int = Field(foreign_key="version.id")
    number: int
    blank: str
    text: str = as_text()
    actor: dict[str, Any] = as_json()
    at: str


class AuditEvent(SQLModel, table=True):
    """One link of the audit chain; ``body`` is the canonical JSON that ``digest`` is of."""

    __tablename__ = "audit_event"

    seq: int = Field(sa_column=Column(NUMBER, primary_key=True, autoincrement=False))
    at: str = Field(index=True)
    action: str = Field(index=True)
    subject: str = Field(index=True)
    person: str
    body: str = as_text()
    digest: str
