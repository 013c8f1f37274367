"""The whole schema on one page.

Tables are records: they do not validate (SQLModel tables never do on construction) and know no
joins. Rules are in ``domain``, joins are written where they are needed, in ``services``. Moments
are ISO 8601 text in UTC, which sorts; ``known_at`` is when the store learnt of something,
``at`` when it happened. Values without a question of their own are JSON.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Index, Integer, Text, UniqueConstraint, text
from sqlmodel import Field, SQLModel

_Number = BigInteger().with_variant(Integer, "sqlite")


def _json() -> Any:
    return Field(sa_column=Column(JSON(none_as_null=True), nullable=False))


def _text() -> Any:
    return Field(sa_column=Column(Text, nullable=False))


class Setting(SQLModel, table=True):
    """A fact about the store itself: its identity, its salt, when it was made."""

    __tablename__ = "setting"

    name: str = Field(primary_key=True)
    value: str = _text()


class Model(SQLModel, table=True):
    """A name under which versions with the same target and task are kept."""

    __tablename__ = "model"

    id: int = Field(default=None, primary_key=True)
    name: str = Field(unique=True, index=True)
    target: str
    task: str
    classes: list[Any] = _json()
    risk: str
    purpose: str = _text()
    owner: str = _text()
    unit: str = _text()
    description: str = _text()
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
    manifest: str = _text()
    risk: str
    tags: list[str] = _json()
    description: str = _text()
    metrics: dict[str, Any] = _json()
    measured_by: str
    compiled: dict[str, Any] = _json()
    lineage: dict[str, Any] = _json()
    author: dict[str, Any] = _json()
    at: str


class Profile(SQLModel, table=True):
    """What is kept of a batch of rows: counts over frozen bins, addable.

    The reference of a version has no deployment and no hour. ``slice`` names the segment, empty
    for all rows.
    """

    __tablename__ = "profile"
    __table_args__ = (
        UniqueConstraint(
            "version_id", "deployment", "part", "hour", "slice", "known_at", name="profile_key"
        ),
    )

    id: int = Field(default=None, primary_key=True)
    version_id: int = Field(foreign_key="version.id", index=True)
    deployment: str = ""
    part: str
    hour: str = ""
    slice: str = ""
    known_at: str
    rows: int
    columns: dict[str, Any] = _json()


class CheckResult(SQLModel, table=True):
    """What a release check found about a version."""

    __tablename__ = "check_result"

    id: int = Field(default=None, primary_key=True)
    version_id: int = Field(foreign_key="version.id", index=True)
    run: str
    name: str
    outcome: str
    figure: str = _text()
    because: str = _text()
    detail: dict[str, Any] = _json()
    at: str


class Policy(SQLModel, table=True):
    """Who must decide what; the newest of a risk is the one that applies."""

    __tablename__ = "policy"

    id: int = Field(default=None, primary_key=True)
    risk: str = Field(index=True)
    digest: str
    body: str = _text()
    at: str


class Request(SQLModel, table=True):
    """A wish to change what is deployed, bound to what it was made of."""

    __tablename__ = "request"

    id: int = Field(default=None, primary_key=True)
    version_id: int = Field(foreign_key="version.id", index=True)
    deployment: str = Field(index=True)
    role: str
    state: str = Field(index=True)
    risk: str
    reason: str = _text()
    manifest_digest: str
    policy_digest: str
    evidence_digest: str
    evidence: str = _text()
    nonce: str
    requester: dict[str, Any] = _json()
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
    actor: dict[str, Any] = _json()
    comment: str = _text()
    statement: str = _text()
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
    A champion's ``share`` below 1 is a candidate's: 0 in shadow, above it a canary.
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
    because: str = _text()
    at: str
    since: str = ""
    until: str = ""
    gate: str = "swap"
    share: float = 1.0


class Rules(SQLModel, table=True):
    """The rules of a deployment as somebody wrote them; the newest number applies."""

    __tablename__ = "rules"
    __table_args__ = (UniqueConstraint("deployment_id", "number"),)

    id: int = Field(default=None, primary_key=True)
    deployment_id: int = Field(foreign_key="deployment.id", index=True)
    number: int
    digest: str
    text: str = _text()
    body: str = _text()
    at: str


class Segment(SQLModel, table=True):
    """A sealed piece of a prediction log: what it holds, and the root that proves it."""

    __tablename__ = "segment"

    id: str = Field(primary_key=True)
    deployment: str = Field(index=True)
    day: str
    rows: int
    path: str = _text()
    digest: str
    root: str = ""
    sealed_at: str


class AuditEvent(SQLModel, table=True):
    """One link of the audit chain; ``body`` is the canonical JSON that ``digest`` is of."""

    __tablename__ = "audit_event"

    seq: int = Field(sa_column=Column(_Number, primary_key=True, autoincrement=False))
    at: str = Field(index=True)
    action: str = Field(index=True)
    subject: str = Field(index=True)
    person: str
    body: str = _text()
    digest: str
