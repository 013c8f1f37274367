"""Which task a model has that is not here, and which classes: as somebody says, as answers or data show."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from jupyter_mlops.domain.elsewhere import check_classes
from jupyter_mlops.errors import Invalid

FEW: Final = 20
"""Whole numbers up to so many different ones are taken for classes."""
_PAIR: Final = 2


def told(
    options: Mapping[str, Any],
    known: Sequence[Any] | None,
    predictions: Sequence[Any] | None = None,
    named: Sequence[str] | None = None,
) -> tuple[str, list[Any]]:
    """Return task and classes.

    Args:
        options: what somebody says, as ``task`` and ``classes``.
        known: the classes that the data show; none where the target holds numbers, None where there is
            no target.
        predictions: what the model answers, where it can be asked.
        named: the classes that it names with its probabilities; empty where it gives probabilities
            without names.

    Raises:
        Invalid: they cannot be told, or contradict each other.
    """
    said = [str(one) for one in options.get("classes") or ()]
    task = str(options.get("task") or "")
    if task == "regression" or (
        not task and not said and named is None and _is_number(known, predictions)
    ):
        check_classes("regression", said)
        return "regression", []
    seen = {word(one): one for one in known or ()}
    names = said or sorted(named or seen, key=_order)
    if not names:
        raise Invalid(
            "It cannot be told which classes the model knows.",
            "say them, --task binary --classes NO,YES, or name data with the target.",
            code="classes_unknown",
        )
    _check_agree(names, seen, named)
    typed = _typed(names, seen)
    task = task or ("binary" if len(typed) == _PAIR else "multiclass")
    check_classes(task, typed)
    return task, typed


def classes_in(values: Iterable[Any]) -> list[Any]:
    """Return the classes that a target shows; none where it holds numbers rather than classes.

    >>> classes_in(["no", "yes", None]), classes_in([1.0, 0.0]), classes_in([1.5, 2.25])
    (['no', 'yes'], [0, 1], [])
    """
    found = {
        one
        for one in values
        if one is not None and not (isinstance(one, float) and math.isnan(one))
    }
    if any(isinstance(one, str | bool) for one in found):
        return sorted(found, key=_order)
    whole = {_whole(one) for one in found}
    is_classes = all(isinstance(one, int) for one in whole) and len(whole) <= FEW
    return sorted(whole) if is_classes else []


def word(value: object) -> str:
    """Return a class as the text it is compared by; 1.0 and 1 are the same class."""
    return str(_whole(value))


def _is_number(known: Sequence[Any] | None, predictions: Sequence[Any] | None) -> bool:
    if known is not None:
        return not known
    numbers = predictions or ()
    return bool(numbers) and all(
        isinstance(one, int | float) and not isinstance(one, bool) for one in numbers
    )


def _check_agree(
    names: Sequence[str], seen: Mapping[str, Any], named: Sequence[str] | None
) -> None:
    strange = [name for name in seen if name not in names]
    if not strange and (not named or sorted(named) == sorted(names)):
        return
    raise Invalid(
        "The model knows the classes {classes}; the data have {values}.",
        "register it with the target and classes that it was made for.",
        code="classes_differ",
        classes=", ".join((named or names)[:5]),
        values=", ".join(list(seen)[:5]) or ", ".join(names[:5]),
    )


def _typed(names: Sequence[str], seen: Mapping[str, Any]) -> list[Any]:
    """Return classes as the data have them; where there are none, whole numbers as such."""
    if seen:
        is_whole = all(type(one) is int for one in seen.values())
        return [
            seen.get(name, int(name) if is_whole and _is_whole(name) else name) for name in names
        ]
    is_whole = all(map(_is_whole, names))
    return [int(name) if is_whole else name for name in names]


def _is_whole(name: str) -> bool:
    return name.isascii() and name.removeprefix("-").isdecimal()


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _order(value: Any) -> tuple[int, float, str]:
    """Sort numbers as numbers and before words."""
    try:
        return (0, float(value), "")
    except ValueError:
        return (1, 0.0, str(value))
