"""What is kept of what happened: pieces of logs, profiles, findings, alerts, and who heard of them.

The other half of the schema; :mod:`jupyter_mlops.store.tables` has the whole of it.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from jupyter_mlops.store.columns import as_bytes, as_json, as_text


class Reference(SQLModel, table=True):
    """What a version is measured against, frozen when it was registered.

    ``part`` is *training* or *holdout* (profiles of the columns, bins included) or *limits*.
    """

    __tablename__ = "reference"
    __table_args__ = (UniqueConstraint("version_id", "part"),)

    id: int = Field(default=None, primary_key=True)
    version_id: int = Field(foreign_key="version.id", index=True)
    part: str
    known_at: str
    rows: int
    columns: dict[str, Any] = as_json()


class Profile(SQLModel, table=True):
    """What is kept of an hour: counts over frozen bins, which add.

    ``part`` says of what: *answers* over the bins of the version's reference, *requests* of the
    service. ``hour`` is when it happened, ``known_at`` the hour in which the store learnt of it: what
    is learnt later of an hour is a row of its own, which may subtract. ``shown`` is the little that
    pictures need, and lies before what is large.
    """

    __tablename__ = "profile"
    __table_args__ = (
        UniqueConstraint(
            "deployment", "part", "hour", "version", "role", "known_at", name="profile_key"
        ),
    )

    id: int = Field(default=None, primary_key=True)
    deployment: str
    part: str
    hour: str
    version: str
    role: str
    known_at: str
    rows: int
    shown: bytes = as_bytes()
    sums: bytes = as_bytes()
    counts: bytes = as_bytes()


class Pending(SQLModel, table=True):
    """A piece of a log whose profile is still to be kept; it goes in the transaction that keeps it."""

    __tablename__ = "pending"

    part: str = Field(primary_key=True)
    source: str = Field(primary_key=True)
    deployment: str = Field(index=True)


class Evaluation(SQLModel, table=True):
    """A whole window of a deployment that was looked at; each is looked at once."""

    __tablename__ = "evaluation"
    __table_args__ = (UniqueConstraint("deployment_id", "end"),)

    id: int = Field(default=None, primary_key=True)
    deployment_id: int = Field(foreign_key="deployment.id", index=True)
    start: str
    end: str
    findings: int
    at: str


class Alert(SQLModel, table=True):
    """Findings that somebody must see; one at a time is not resolved about the same subject."""

    __tablename__ = "alert"
    __table_args__ = (
        Index(
            "ix_alert_standing",
            "deployment_id",
            "part",
            "subject",
            unique=True,
            sqlite_where=text("resolved_at = ''"),
            postgresql_where=text("resolved_at = ''"),
        ),
    )

    id: int = Field(default=None, primary_key=True)
    deployment_id: int = Field(foreign_key="deployment.id", index=True)
    part: str
    subject: str = as_text()
    severity: str
    state: str = Field(index=True)
    status: str
    why: str
    figures: dict[str, Any] = as_json()
    causes: list[Any] = as_json()
    version: str
    since: str
    last_seen: str
    followed: str
    windows: int
    quiet: int
    at: str = Field(index=True)
    acknowledged_by: str = ""
    acknowledged_at: str = ""
    comment: str = as_text()
    resolved_at: str = ""


class Finding(SQLModel, table=True):
    """What a monitor found in a window; ``alert_id`` is the alert that tells of it, if any does."""

    __tablename__ = "finding"
    __table_args__ = (UniqueConstraint("deployment_id", "part", "subject", "end"),)

    id: int = Field(default=None, primary_key=True)
    deployment_id: int = Field(foreign_key="deployment.id", index=True)
    alert_id: int | None = Field(default=None, foreign_key="alert.id", index=True)
    part: str
    subject: str = as_text()
    status: str
    why: str
    figures: dict[str, Any] = as_json()
    version: str
    start: str
    end: str
    at: str


class Webhook(SQLModel, table=True):
    """The one address outside that hears of alerts."""

    __tablename__ = "webhook"

    id: int = Field(default=None, primary_key=True)
    name: str
    url: str = as_text()
    secret: str
    severities: list[str] = as_json()
    at: str


class Delivery(SQLModel, table=True):
    """A message to the webhook: written with the change that it tells of, sent until it arrived.

    It tells of an alert or of a request.
    """

    __tablename__ = "delivery"

    id: int = Field(default=None, primary_key=True)
    message: str = Field(unique=True)
    alert_id: int | None = Field(default=None, foreign_key="alert.id", index=True)
    request_id: int | None = Field(default=None, foreign_key="request.id")
    event: str
    body: str = as_text()
    state: str = Field(index=True)
    attempts: int = 0
    due_at: str
    outcome: str = ""
    at: str


class Segment(SQLModel, table=True):
    """A sealed piece of a prediction log: what it holds, and the root that proves it.

    Both are of what was sealed, whatever was erased since; ``removed_at`` is when all of it went.
    """

    __tablename__ = "segment"

    id: str = Field(primary_key=True)
    deployment: str = Field(index=True)
    day: str
    rows: int
    path: str = as_text()
    digest: str
    root: str = ""
    sealed_at: str
    removed_at: str = ""
