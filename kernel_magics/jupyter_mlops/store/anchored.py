"""What is kept of the audit log's checkpoints, and of the places outside that hold them.

A part of the schema; :mod:`jupyter_mlops.store.tables` has the whole of it.
"""

from __future__ import annotations

from sqlalchemy import Column
from sqlmodel import Field, SQLModel

from jupyter_mlops.store.columns import NUMBER, as_text


class Checkpoint(SQLModel, table=True):
    """The first ``size`` events as they were signed; ``note`` is what anchors get.

    ``tree`` holds the roots of the whole subtrees in hexadecimal, from which the next checkpoint goes
    on; ``head`` is the digest of the last event.
    """

    __tablename__ = "checkpoint"

    size: int = Field(sa_column=Column(NUMBER, primary_key=True, autoincrement=False))
    at: str
    root: str
    head: str
    tree: str = as_text()
    note: str = as_text()


class Anchor(SQLModel, table=True):
    """A place outside that holds checkpoints, and how far it was reached.

    ``size`` is that of the newest checkpoint there, ``notes`` how many were left there from here;
    ``failure`` is why the last attempt failed, empty when it did not.
    """

    __tablename__ = "anchor"

    id: int = Field(default=None, primary_key=True)
    kind: str
    address: str = Field(unique=True)
    secret: str = ""
    at: str
    size: int = Field(default=0, sa_column=Column(NUMBER, nullable=False))
    notes: int = 0
    reached_at: str = ""
    tried_at: str = ""
    failure: str = as_text()
