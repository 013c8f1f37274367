"""The words people type, and the deed each one names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jupyter_mlops.commands.answers import Answer
    from jupyter_mlops.commands.session import Session

__all__ = ["run"]


def run(session: Session, words: Sequence[Any], variables: Mapping[str, Any]) -> Answer:
    """Say a typed line in a workspace; its words may name variables.

    Raises:
        UsageError: the line is not a sentence of ours.
    """
    from jupyter_mlops.commands.live import Place
    from jupyter_mlops.commands.parse import parse
    from jupyter_mlops.errors import UsageError

    line = parse(words, session.words, Place(variables))
    if line.verb is None or line.wants_help:
        raise UsageError(
            "--help is a question, not a deed.",
            "type it after %mlops or `jupyter mlops`.",
            code="help_unexpected",
        )
    return session.say(line.verb.name, line.arguments)
