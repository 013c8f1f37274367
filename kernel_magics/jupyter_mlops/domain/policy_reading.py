"""How people write a policy: every part known, every value what it has to be, and written back."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any, Final

from jupyter_mlops.domain.access import ASSURANCES
from jupyter_mlops.domain.approvals import TIMEOUTS, Asked, Floors
from jupyter_mlops.domain.names import check_name
from jupyter_mlops.domain.policies import PEOPLE, RISKS, SUBJECTS, Scope, Written
from jupyter_mlops.domain.release import MEASURES
from jupyter_mlops.errors import Invalid, did_you_mean

_MOST: Final = 20
"""How many approvers, and how many of anything, one policy may ask for."""
_LONGEST_WORD: Final = 100
_LONGEST_DAYS: Final = 366
_LONGEST_REVIEW: Final = 3660
_PATTERN: Final = re.compile(r"[A-Za-z0-9._*?-]+")
_SCOPE: Final = {
    "subject": "subjects",
    "risk": "risks",
    "tags": "tags",
    "deployment": "deployments",
    "model": "models",
    "role": "roles",
}
_ASKS: Final = {
    "approvers": "approvers",
    "assurance": "assurance",
    "other_than_author": "other_than_author",
    "distinct_roles": "distinct_roles",
    "roles": "roles",
    "checks": "checks",
    "documents": "documents",
    "protected": "protected",
    "fairness": "fairness",
    "valid": "valid_days",
    "remind": "remind_days",
    "review_every": "review_days",
    "on_timeout": "on_timeout",
    "tell": "tell",
}
_DAYS: Final = ("valid_days", "remind_days", "review_days")


def read(name: str, told: Mapping[Any, Any]) -> Written:
    """Return the policy that a person wrote.

    Raises:
        Invalid: a part is unknown, or not what it has to be; it is named.
    """
    check_name(name, what="policy")
    if name == PEOPLE:
        raise _wrong("the name of a policy", "another than people, which says who there is")
    _known(told, ("for", "asks"), "a policy")
    written = Written(name, _scope(told.get("for", {})), _asked(told.get("asks", {})))
    _check_possible(written.asked)
    return written


def kept(name: str, body: str) -> Written:
    """Return the policy that was written by :meth:`Written.canonical`."""
    told = json.loads(body)
    scope = {part: tuple(words) for part, words in told["for"].items()}
    asked: dict[str, Any] = {
        part: tuple(value) if isinstance(value, list) else value
        for part, value in told["asks"].items()
    }
    asked["fairness"] = tuple((measure, floor) for measure, floor in asked.get("fairness", ()))
    return Written(name, Scope(**scope), Asked(**asked))


def as_plain(written: Written) -> dict[str, Any]:
    """Return a policy as a person would write it: only what is said, and what is not usual."""
    scope = {
        part: _short(getattr(written.scope, name))
        for part, name in _SCOPE.items()
        if getattr(written.scope, name)
    }
    usual = {field.name: field.default for field in fields(Asked)}
    asks = {
        part: _plain(name, getattr(written.asked, name))
        for part, name in _ASKS.items()
        if getattr(written.asked, name) != usual[name] or name in ("approvers", "assurance")
    }
    return {"for": scope, "asks": asks} if scope else {"asks": asks}


def _short(words: Sequence[str]) -> Any:
    return words[0] if len(words) == 1 else list(words)


def _plain(name: str, value: Any) -> Any:
    if name in _DAYS:
        return f"{value}d"
    if name == "fairness":
        return dict(value)
    return list(value) if isinstance(value, tuple) else value


def _scope(told: Any) -> Scope:
    _known(told, _SCOPE, "`for`")
    of = {"subject": SUBJECTS, "risk": RISKS, "role": ("champion", "challenger")}
    found = {_SCOPE[part]: _words(part, told[part], of.get(part)) for part in told}
    for part in ("deployment", "model"):
        for word in found.get(_SCOPE[part], ()):
            if not _PATTERN.fullmatch(word):
                raise _wrong(part, "a name, in which * and ? stand for any characters")
    return Scope(**found)


def _asked(told: Any) -> Asked:
    _known(told, _ASKS, "`asks`")
    found = {_ASKS[part]: _READERS[part](part, told[part]) for part in told}
    least = max(found.get("distinct_roles", 1), len(found.get("roles", ())))
    return Asked(**{"approvers": least, **found})


def _check_possible(asked: Asked) -> None:
    """Raise where no approvers could ever give what is asked."""
    least = max(asked.distinct_roles, len(asked.roles))
    if least > asked.approvers:
        raise Invalid(
            "{roles} roles cannot be had of {approvers} approvers.",
            "each role is given by a person of its own: `approvers: {roles}`.",
            code="policy_invalid",
            roles=least,
            approvers=asked.approvers,
        )


def _words(part: str, told: Any, known: Sequence[str] | None = None) -> tuple[str, ...]:
    words = told if isinstance(told, list) else [told]
    fit = all(isinstance(word, str) and 0 < len(word) <= _LONGEST_WORD for word in words)
    if not fit or not 0 < len(words) <= _MOST:
        raise _wrong(part, f"a word or a list of at most {_MOST} words")
    for word in words:
        if known is not None and word not in known:
            raise _unknown(word, known, f"`{part}`")
        if not word.isprintable():
            raise _wrong(part, "a word without control characters")
    return tuple(dict.fromkeys(words))


def _count(part: str, told: Any) -> int:
    if isinstance(told, int) and not isinstance(told, bool) and 1 <= told <= _MOST:
        return told
    raise _wrong(part, f"a whole number from 1 to {_MOST}")


def _days(part: str, told: Any, longest: int = _LONGEST_DAYS) -> int:
    number = told.removesuffix("d") if isinstance(told, str) else told
    if isinstance(number, str) and number.isascii() and number.isdigit():
        number = int(number[:6])
    if isinstance(number, int) and not isinstance(number, bool) and 1 <= number <= longest:
        return number
    raise _wrong(part, f"a number of days from 1 to {longest}, such as 14d")


def _review(part: str, told: Any) -> int:
    return _days(part, told, _LONGEST_REVIEW)


def _yes_or_no(part: str, told: Any) -> bool:
    if isinstance(told, bool):
        return told
    raise _wrong(part, "true or false")


def _assurance(part: str, told: Any) -> str:
    return _words(part, told if isinstance(told, str) else "", ASSURANCES)[0]


def _timeout(part: str, told: Any) -> str:
    return _words(part, told if isinstance(told, str) else "", TIMEOUTS)[0]


def _floors(part: str, told: Any) -> Floors:
    if not isinstance(told, Mapping) or not told:
        raise _wrong(part, "a mapping of measures to the least ratio")
    for measure, floor in told.items():
        if measure not in MEASURES:
            raise _unknown(str(measure), MEASURES, f"`{part}`")
        if not isinstance(floor, int | float) or isinstance(floor, bool) or not 0 < floor <= 1:
            raise _wrong(str(measure), "a number above 0, at most 1")
    return tuple(sorted((str(measure), float(floor)) for measure, floor in told.items()))


_READERS: Final[Mapping[str, Callable[[str, Any], Any]]] = {
    "approvers": _count,
    "assurance": _assurance,
    "other_than_author": _yes_or_no,
    "distinct_roles": _count,
    "roles": _words,
    "checks": _words,
    "documents": _words,
    "protected": _words,
    "fairness": _floors,
    "valid": _days,
    "remind": _days,
    "review_every": _review,
    "on_timeout": _timeout,
    "tell": _words,
}


def _known(told: Any, known: Iterable[str], where: str) -> None:
    if not isinstance(told, Mapping):
        raise _wrong(where, "a mapping")
    for name in told:
        if name not in set(known):
            raise _unknown(str(name), list(known), where)


def _unknown(name: str, known: Sequence[str], where: str) -> Invalid:
    meant = did_you_mean(name, known)
    return Invalid(
        "{name} is nothing that {where} knows.",
        "did you mean {meant}?" if meant else "there are: {known}.",
        code="policy_invalid",
        name=name,
        where=where,
        meant=meant,
        known=", ".join(known),
    )


def _wrong(name: str, wanted: str) -> Invalid:
    return Invalid(
        "{name} has to be {wanted}.",
        "`policy --help` shows what a policy looks like.",
        code="policy_invalid",
        name=name,
        wanted=wanted,
    )
