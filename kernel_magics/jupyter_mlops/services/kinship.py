"""What all versions under one name have in common, as it becomes known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_mlops.domain import registry as rules

if TYPE_CHECKING:
    from sqlmodel import Session

    from jupyter_mlops.store import tables


def settle(session: Session, parent: tables.Model, kindred: rules.Kindred) -> None:
    """Let a version say what its name stands for, where no other has said it yet.

    Raises:
        Refused: others under this name answer another question.
    """
    known = rules.Kindred(parent.target, parent.task, parent.classes)
    rules.check_kindred(parent.name, known, kindred)
    told = rules.settled(known, kindred)
    if told != known:
        parent.target, parent.task, parent.classes = told.target, told.task, list(told.classes)
        session.add(parent)
