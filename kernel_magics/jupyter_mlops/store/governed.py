"""What the people of a workspace laid down about who decides."""

from __future__ import annotations

from typing import Any

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from jupyter_mlops.store.columns import as_json, as_text


class PolicyVersion(SQLModel, table=True):
    """A policy as somebody wrote it, and in the one form its digest is of; the newest number applies."""

    __tablename__ = "policy_version"
    __table_args__ = (UniqueConstraint("name", "number"),)

    id: int = Field(default=None, primary_key=True)
    name: str = Field(index=True)
    number: int
    digest: str
    text: str = as_text()
    body: str = as_text()
    actor: dict[str, Any] = as_json()
    at: str
