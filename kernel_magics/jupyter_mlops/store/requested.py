"""What people say of a request besides deciding; :mod:`jupyter_mlops.store.tables` has the whole schema."""

from __future__ import annotations

from typing import Any

from sqlmodel import Field, SQLModel

from jupyter_mlops.store.columns import as_json, as_text


class Remark(SQLModel, table=True):
    """What was said of a request; rows are only added.

    ``kind`` is *comment*, *changes* (asked for), *settled* (they are no more), *withdrawal*, of the
    decision named or, without one, of the request, or *reminder*, which the watcher leaves.
    """

    __tablename__ = "remark"

    id: int = Field(default=None, primary_key=True)
    request_id: int = Field(foreign_key="request.id", index=True)
    decision_id: int | None = Field(default=None, foreign_key="decision.id")
    kind: str
    person: str
    actor: dict[str, Any] = as_json()
    text: str = as_text()
    at: str
