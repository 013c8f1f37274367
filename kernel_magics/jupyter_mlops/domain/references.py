"""What the present may be compared with, by the word for it."""

from __future__ import annotations

import re
from typing import Final

TRAINING: Final = "training"
HOLDOUT: Final = "holdout"
WORDS: Final = (TRAINING, HOLDOUT, "last-month", "season")
_AGE: Final = re.compile(r"\d+[smhdw]")
_REF: Final = re.compile(r"[A-Za-z0-9][\w.-]*[:@][\w.-]+")


def is_age(said: str) -> bool:
    """Say whether a reference is an age before the window, such as ``30d``."""
    return bool(_AGE.fullmatch(said))


def is_version(said: str) -> bool:
    """Say whether a reference is a version, such as ``churn:3``."""
    return bool(_REF.fullmatch(said))


def is_word(said: str) -> bool:
    """Say whether a reference is a word of its own, whatever variables or files have that name."""
    return said in WORDS or is_age(said) or is_version(said)
