"""What can go wrong, and what to do about it.

::

    MlopsError
    ├── UsageError        what was typed is not a sentence of ours
    ├── NotFound          the named thing does not exist
    ├── Invalid           a value, frame, file or model is not what it has to be
    ├── Unsafe            bytes that could become code, refused unread
    ├── Refused           a rule says no
    ├── Conflict          someone else was there first
    ├── Unavailable       a process, port, disk or database does not answer
    └── Corrupt           what was remembered is not what was written

An error carries a stable ``code``, a message and a hint as gettext templates, and the values
that fill them. ``str(error)`` is the English sentence; ``told(error, translate)`` is the same
in the reader's language. Nothing here knows of HTTP or notebooks: each rim maps these once.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable

FOUND = "found"
"""The name of a value that stood where another was wanted: it may be anybody's."""


class MlopsError(Exception):
    """Something a person can act on: one line that says what, one hint that says how."""

    def __init__(self, message: str, hint: str = "", *, code: str, **values: object) -> None:
        """Keep the templates apart from their values, so that both can be translated."""
        super().__init__(message)
        self.template = message
        self.hint_template = hint
        self.code = code
        self.values = {name: _printable(value) for name, value in values.items()}

    @property
    def message(self) -> str:
        """Say what happened, in English."""
        return _fill(self.template, self.values)

    @property
    def hint(self) -> str:
        """Say what to do about it, in English; empty when there is nothing to say."""
        return _fill(self.hint_template, self.values)

    @property
    def recorded(self) -> str:
        """Say what happened as it may be remembered for good: without what was found in a person's rows."""
        kept = {name: "…" if name == FOUND else value for name, value in self.values.items()}
        return _fill(self.template, kept)

    def __str__(self) -> str:
        """Join message and hint into the one line that terminals show."""
        return told(self, _as_it_is)

    def _render_traceback_(self) -> list[str]:
        """Tell IPython to show one line instead of a traceback."""
        return [str(self)]


class UsageError(MlopsError):
    """What was typed is not a sentence of ours."""


class NotFound(MlopsError):
    """The named thing does not exist."""


class Invalid(MlopsError):
    """A value, frame, file or model is not what it has to be."""


class Unsafe(MlopsError):
    """Bytes that could become code, refused unread."""


class Refused(MlopsError):
    """A rule says no."""


class Conflict(MlopsError):
    """Someone else was there first."""


class Unavailable(MlopsError):
    """A process, port, disk or database does not answer."""


class Corrupt(MlopsError):
    """What was remembered is not what was written."""


def told(error: MlopsError, translate: Callable[[str], str]) -> str:
    """Return the error as one line in the language that ``translate`` speaks."""
    message = _fill(translate(error.template), error.values)
    if not error.hint_template:
        return message
    hint = _fill(translate(error.hint_template), error.values)
    return f"{message} {translate('Hint:')} {hint}"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return the known name closest to the one that was typed, or an empty string."""
    return next(iter(difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)), "")


def _fill(template: str, values: dict[str, str]) -> str:
    return template.format_map(values) if template else ""


def _printable(value: object) -> str:
    """Keep control characters of a hostile name out of terminals and logs."""
    text = str(value)
    if len(text) > _LONGEST:
        text = text[:_LONGEST] + "…"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _as_it_is(template: str) -> str:
    return template


_LONGEST = 500
