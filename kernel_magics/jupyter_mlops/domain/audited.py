"""The shapes of the audit log: its events, and what verifying them found."""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict

from jupyter_mlops.domain.anchored import AnchorVerdict, FieldChange

JSON = Any


class AuditEvent(TypedDict):
    """One line of the audit log."""

    v: int
    seq: int
    at: str
    actor: dict[str, JSON]
    action: str
    subject: str
    before: JSON
    after: JSON
    reason: str
    prev: str
    digest: str


class Exported(TypedDict):
    """An export that was written: its digest and size, how many events are in it, and where it ends."""

    digest: str
    bytes: int
    events: int
    head: str
    written: NotRequired[str]


class Audit(TypedDict):
    """The events that match, newest first; what verification found, and what was exported.

    ``older`` is what `--before` is given for those before; ``changes`` is of the one event that was
    asked for.
    """

    items: list[AuditEvent]
    older: int | None
    changes: NotRequired[list[FieldChange]]
    ok: NotRequired[bool]
    events: NotRequired[int]
    first_bad: NotRequired[int | None]
    because: NotRequired[str]
    anchors: NotRequired[list[AnchorVerdict]]
    head: NotRequired[str]
    key: NotRequired[str]
    checkpoint: NotRequired[str]
    export: NotRequired[Exported]
