"""What was erased, what is hidden from whom, and for how long rows are kept.

A part of the schema; :mod:`jupyter_mlops.store.tables` has the whole of it.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from jupyter_mlops.store.columns import as_json, as_text


class Erasure(SQLModel, table=True):
    """The rows of one data subject that were taken out; of the subject itself nothing is here.

    ``waits`` names what the rows are still to go from, ``removes`` artifacts that go once the deed is
    known. ``digests`` are salted; the salt is here only for as long as something waits.
    """

    __tablename__ = "erasure"

    id: int = Field(default=None, primary_key=True)
    by: str = as_text()
    digests: dict[str, Any] = as_json()
    salt: str
    state: str = Field(index=True)
    waits: list[str] = as_json()
    removes: list[str] = as_json()
    at: str


class Retention(SQLModel, table=True):
    """For how many days a deployment's rows are kept, as somebody said; the newest number applies.

    0 days is: for good.
    """

    __tablename__ = "retention"
    __table_args__ = (UniqueConstraint("deployment_id", "number"),)

    id: int = Field(default=None, primary_key=True)
    deployment_id: int = Field(foreign_key="deployment.id", index=True)
    number: int
    predictions: int
    actuals: int
    samples: int
    reason: str = as_text()
    actor: dict[str, Any] = as_json()
    at: str


class Mask(SQLModel, table=True):
    """A column of a deployment's rows that is shown to nobody but those in a role, until it is lifted."""

    __tablename__ = "mask"
    __table_args__ = (
        Index(
            "ix_mask_standing",
            "deployment_id",
            "column",
            unique=True,
            sqlite_where=text("lifted_at = ''"),
            postgresql_where=text("lifted_at = ''"),
        ),
    )

    id: int = Field(default=None, primary_key=True)
    deployment_id: int = Field(foreign_key="deployment.id", index=True)
    column: str = as_text()
    unless: str
    reason: str = as_text()
    actor: dict[str, Any] = as_json()
    at: str
    lifted_at: str = ""
