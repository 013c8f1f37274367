"""What somebody asks of the audit log: words, and fields with values; and what an event changed."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

from jupyter_mlops.domain.anchored import FieldChange
from jupyter_mlops.errors import Invalid

Event = Mapping[str, Any]
JSON = Any

TIMES: Final = ("since", "until")
ALMOST: Final = 0.75
"""How much of a word has to be that of a field for it to be a slip of the pen."""
_WORD: Final = re.compile(r'(?:([A-Za-z_]+):)?"([^"]*)"|(\S+)')
_FIELD: Final = re.compile(r"([A-Za-z_]+):(.+)", re.DOTALL)


@dataclass(frozen=True)
class Asked:
    """Words that an event has to hold somewhere, fields that it has to have, and times."""

    words: tuple[str, ...]
    fields: tuple[tuple[str, str], ...]
    times: Mapping[str, str]

    @property
    def texts(self) -> tuple[str, ...]:
        """Return every text that an event holds when it fits, in small letters."""
        return tuple(text.lower() for text in (*self.words, *(value for _, value in self.fields)))

    def fits(self, event: Event) -> bool:
        """Say whether an event has every field with its value."""
        return all(FIELDS[field](event, field, value.lower()) for field, value in self.fields)


def read(query: str, *, is_action: Callable[[str], bool]) -> Asked:
    """Read what somebody typed; ``is_action`` says whether a word begins actions of this log.

    What stands in quotes is a text as it is, and so is what looks like no field: `churn:3`, an address.
    `deployment:ramp` may be the name of a deployment or an action, so it is found as either.

    Raises:
        Invalid: no field has such a name, and one has almost the same.
    """
    words: list[str] = []
    fields: list[tuple[str, str]] = []
    times: dict[str, str] = {}
    for field, quoted, word in _WORD.findall(query):
        name, value = (field, quoted) if not word else _parted(word)
        if name and name.lower() in TIMES:
            times[name.lower()] = value
        elif name and name.lower() in FIELDS:
            fields.append((name.lower(), value))
        elif name and (meant := _meant(name)) and not is_action(name):
            raise _unknown(name, value, meant)
        else:
            words.append(f"{name}:{value}" if name else value)
    return Asked(tuple(filter(None, words)), tuple(fields), times)


def _parted(word: str) -> tuple[str, str]:
    found = _FIELD.fullmatch(word)
    return (found[1], found[2]) if found else ("", word)


def _meant(name: str) -> str:
    """Return the field that was meant, when it is all but certain."""
    return next(iter(get_close_matches(name.lower(), [*FIELDS, *TIMES], 1, ALMOST)), "")


def _unknown(name: str, value: str, meant: str) -> Invalid:
    return Invalid(
        "The audit log has no field {name}.",
        'Did you mean {meant}:{value}? A text with a colon stands in quotes: "{name}:{value}".',
        code="field_unknown",
        name=name,
        value=value,
        meant=meant,
    )


def _by_actor(event: Event, _field: str, value: str) -> bool:
    actor = event.get("actor") or {}
    claims = actor.get("claims") or {}
    return any(value in str(one).lower() for one in [actor.get("id"), *claims.values()])


def _in_text(event: Event, field: str, value: str) -> bool:
    return value in str(event.get(field) or "").lower()


def _by_outcome(event: Event, _field: str, value: str) -> bool:
    return str(event.get("action")).lower().endswith(f":{value}")


def _about(event: Event, field: str, value: str) -> bool:
    """Say whether an event is about a thing: by its subject, by what it changed, or by its action."""
    subject, action = str(event.get("subject")).lower(), str(event.get("action")).lower()
    whole = f"{field}:{value}"
    if whole in (subject, action) or action.startswith(f"{whole}:"):
        return True
    if field == "model" and subject.startswith(f"version:{value}:"):
        return True
    leaves = [*_leaves(event.get("before"), ""), *_leaves(event.get("after"), "")]
    return any(
        str(leaf).lower() == value and (field == "version" or name.rpartition(".")[2] == field)
        for name, leaf in leaves
    )


FIELDS: Final[Mapping[str, Callable[[Event, str, str], bool]]] = {
    "actor": _by_actor,
    "action": _in_text,
    "outcome": _by_outcome,
    "subject": _in_text,
    "reason": _in_text,
    "request": _about,
    "deployment": _about,
    "version": _about,
    "model": _about,
}


def changes(before: JSON, after: JSON) -> list[FieldChange]:
    """Return field by field what is otherwise than before; what is the same is left out.

    >>> changes({"tags": ["a"], "risk": "low"}, {"tags": ["a", "b"], "risk": "low"})
    [{'field': 'tags', 'before': 'a', 'after': 'a, b'}]
    """
    was, now = dict(_leaves(before, "")), dict(_leaves(after, ""))
    return [
        FieldChange(field=name, before=_plain(was.get(name)), after=_plain(now.get(name)))
        for name in dict.fromkeys([*was, *now])
        if (name in was, was.get(name)) != (name in now, now.get(name))
    ]


def _leaves(value: JSON, name: str) -> Iterator[tuple[str, JSON]]:
    """Return what a value holds, under names with dots; a list of plain values is one of them."""
    parts: Collection[tuple[str, JSON]] = ()
    if isinstance(value, Mapping):
        parts = [(str(key), part) for key, part in value.items()]
    elif isinstance(value, list) and any(isinstance(part, Mapping | list) for part in value):
        parts = [(str(at), part) for at, part in enumerate(value, 1)]
    if not parts:
        if name or value not in (None, {}, []):
            yield name, value
        return
    for key, part in parts:
        yield from _leaves(part, f"{name}.{key}" if name else key)


def _plain(value: JSON) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ", ".join(map(_plain, value))
    return str(value)
