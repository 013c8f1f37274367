"""What somebody looks for among models: words, and conditions such as ``owner:ann auc>0.8``."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import Final, Literal, cast, get_args

from jupyter_mlops.domain.answers import Risk, Task
from jupyter_mlops.errors import Invalid, did_you_mean

Stage = Literal["live", "trial", "waiting", "idle", "archived"]
"""Serving; tried out beside a champion; requested and not decided; none of these; put away."""
FIELDS: Final = ("owner", "unit", "risk", "task", "tag", "feature", "data", "stage")
_CHOICES: Final = {"risk": get_args(Risk), "task": get_args(Task), "stage": get_args(Stage)}
_FIELD: Final = re.compile(r"([a-z]+):(.+)", re.DOTALL)
MOST_WORDS: Final = 20
LONGEST: Final = 1_000
"""Characters of a query: more of them, or of words, is no question to a store."""
_METRIC: Final = re.compile(r"(\w{1,50})(<=|>=|<|>|=)(-?\d+(?:\.\d*)?(?:[eE][-+]?\d{1,3})?)")
_DIGEST: Final = re.compile(r"(sha256:)?[0-9a-f]{4,64}")


@dataclass(frozen=True)
class Bound:
    """A metric of the newest version, and what it is compared with."""

    metric: str
    sign: Literal["<", "<=", ">", ">=", "="]
    value: float


@dataclass(frozen=True)
class Wanted:
    """What a model has to be: each word somewhere in its texts, and every condition."""

    words: tuple[str, ...] = ()
    conditions: tuple[tuple[str, str], ...] = ()
    bounds: tuple[Bound, ...] = ()


def wanted(query: str) -> Wanted:
    """Read a query. What is between quotes is one word; a word that is no condition is looked for.

    Raises:
        Invalid: it is too long, a condition is on something that models do not have, or on a value
            there is not.

    >>> wanted('churn owner:"data team" roc_auc>=0.8').bounds
    (Bound(metric='roc_auc', sign='>=', value=0.8),)
    """
    words, conditions, bounds = [], [], []
    tokens = _tokens(query)
    if len(query) > LONGEST or len(tokens) > MOST_WORDS:
        raise Invalid(
            "The query is too long.",
            "at most {words} words and {letters} characters.",
            code="query_invalid",
            words=MOST_WORDS,
            letters=LONGEST,
        )
    for token in tokens:
        if told := _METRIC.fullmatch(token):
            sign = cast('Literal["<", "<=", ">", ">=", "="]', told[2])
            bounds.append(Bound(told[1], sign, float(told[3])))
        elif (told := _FIELD.fullmatch(token)) and (name := _field(told[1])):
            conditions.append((name, _value(name, told[2])))
        else:
            words.append(token)
    return Wanted(tuple(words), tuple(conditions), tuple(bounds))


def _tokens(query: str) -> list[str]:
    try:
        return shlex.split(query)
    except ValueError:  # a quote that is not closed is a quote
        return query.split()


def _field(said: str) -> str:
    """Return the field that was named; nothing for a word that only has a colon, such as a version."""
    if said in FIELDS:
        return said
    meant = did_you_mean(said, FIELDS)
    if not meant:
        return ""
    raise Invalid(
        "Models have no {name} to look for.",
        "did you mean {meant}:? Others are {fields}.",
        code="query_invalid",
        name=said,
        meant=meant,
        fields=", ".join(FIELDS),
    )


def _value(name: str, said: str) -> str:
    known = _CHOICES.get(name, (said,))
    if name == "data" and not _DIGEST.fullmatch(said):
        raise Invalid(
            "{value} is no digest of data.",
            "data:sha256:… as `show` tells it, or its first letters.",
            code="query_invalid",
            value=repr(said),
        )
    if said in known:
        return said
    raise Invalid(
        "{value} is no {name}.",
        "one of {known}.",
        code="query_invalid",
        value=repr(said),
        name=name,
        known=", ".join(known),
    )
