"""The receipt of one prediction: what leads from it to the people who let it be made."""

from __future__ import annotations

from typing import Literal, TypedDict

from jupyter_mlops.domain.answers import Decision
from jupyter_mlops.errors import Invalid

LONGEST = 200
Step = Literal["row", "segment", "event", "version", "approval"]


class Sibling(TypedDict):
    """A digest beside the way from a row to the root, and on which side it is put (RFC 6962)."""

    side: Literal["left", "right"]
    digest: str


class ReceiptStep(TypedDict):
    """One step of the way, and whether it holds."""

    step: Step
    holds: bool
    because: str


class Receipt(TypedDict):
    """A prediction, proved step by step; ``ok`` says that every step holds.

    ``row`` is the very JSON whose digest is ``leaf``: SHA-256 of a zero byte and that text. From
    ``leaf`` the ``siblings`` lead to ``root``, which the event ``event`` of the audit log holds. Of one
    that was ``erased`` (when) there is only the digest. ``masked`` columns of the row are hidden from who asks.
    """

    prediction_id: str
    deployment: str
    at: str
    ref: str
    digest: str
    role: str
    ok: bool
    because: str
    steps: list[ReceiptStep]
    segment: str
    row: str
    leaf: str
    index: int
    rows: int
    siblings: list[Sibling]
    root: str
    event: int
    event_digest: str
    head: str
    request: int
    decisions: list[Decision]
    erased: str
    masked: list[str]


def check_prediction(name: str) -> None:
    """Raise unless this could be the id of a prediction.

    Raises:
        Invalid: it is empty or longer than any id.
    """
    if not name.strip() or len(name) > LONGEST:
        raise Invalid(
            "This cannot be the id of a prediction.",
            "every answer carries its `prediction_id`; type: receipt PREDICTION_ID.",
            code="prediction_id_invalid",
        )
