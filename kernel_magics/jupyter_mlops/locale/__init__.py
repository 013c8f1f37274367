"""Every sentence a person reads, in English and Japanese."""

from __future__ import annotations

import gettext
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import Final

__all__ = ["LANGUAGES", "current_language", "language", "nearest", "tell", "translate"]

LANGUAGES: Final = ("en", "ja")
DOMAIN: Final = "jupyter_mlops"
FOLDER: Final = Path(__file__).parent

_chosen: ContextVar[str] = ContextVar("jupyter_mlops_language", default="")


def tell(template: str, /, **values: object) -> str:
    """Return the sentence in the reader's language, with its values filled in."""
    return translate(template).format_map(values)


def translate(template: str) -> str:
    """Return the template in the reader's language, or unchanged when it is not translated."""
    return _catalogue(current_language()).gettext(template) if template else ""


def current_language() -> str:
    """Return the reader's language: the one chosen, else the environment's, else English."""
    return _chosen.get() or _said(os.environ)


@contextmanager
def language(name: str) -> Iterator[None]:
    """Speak another language for a while, in this task or thread only."""
    token = _chosen.set(nearest(name))
    try:
        yield
    finally:
        _chosen.reset(token)


def nearest(said: str) -> str:
    """Return the first of our languages in ``ja-JP,en;q=0.8`` or ``ja_JP.UTF-8``; else English."""
    for part in said.replace(";", ",").split(","):
        code = part.strip().replace("_", "-").split("-")[0].split(".")[0].lower()
        if code in LANGUAGES:
            return code
    return LANGUAGES[0]


def _said(environ: Mapping[str, str]) -> str:
    for name in ("JUPYTER_MLOPS_LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        if said := environ.get(name):
            return nearest(said)
    return LANGUAGES[0]


@cache
def _catalogue(name: str) -> gettext.NullTranslations:
    return gettext.translation(DOMAIN, FOLDER, [name], fallback=True)
