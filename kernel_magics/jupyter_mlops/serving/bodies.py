"""Reading JSON strictly: what two readers could understand differently is refused.

The fast way decodes into a type and counts colons; only when the count is not what the keys explain
does the slow way look for duplicate keys, depth and huge integers. Both refuse NaN, infinities,
broken UTF-8, lone surrogates and NUL.
"""

from __future__ import annotations

import json
from typing import Any, Final

import msgspec

from jupyter_mlops.serving.problems import Problem

LARGEST: Final = 16 << 20
DEEPEST: Final = 32
MOST_ROWS: Final = 100_000
LONGEST_ID: Final = 200


class Asked(msgspec.Struct, forbid_unknown_fields=True):
    """The body of a prediction request."""

    rows: list[dict[str, Any]]
    ids: list[str] | None = None


class Told(msgspec.Struct, forbid_unknown_fields=True):
    """The body that brings actuals."""

    rows: list[dict[str, Any]]
    id: str = "id"
    value: str = "value"
    time: str | None = None


_ASKED: Final = msgspec.json.Decoder(Asked)
_TOLD: Final = msgspec.json.Decoder(Told)


def asked(body: bytes) -> Asked:
    """Return what is asked for.

    Raises:
        Problem: 400 for what is not JSON, 422 for JSON that is not a request.
    """
    found: Asked = _decoded(_ASKED, body)
    rows = found.rows
    if not rows or len(rows) > MOST_ROWS:
        raise Problem(422, "invalid_rows", f"A request has 1 to {MOST_ROWS} rows.")
    keys = 2 if found.ids is not None else 1
    for row in rows:
        keys += len(row)
    if body.count(b":") != keys:
        _check_slowly(body)
    if found.ids is not None:
        _check_ids(found.ids, len(rows))
    return found


def told(body: bytes) -> Told:
    """Return the actuals that are told."""
    found: Told = _decoded(_TOLD, body)
    _check_slowly(body)
    return found


def _decoded(decoder: Any, body: bytes) -> Any:
    try:
        return decoder.decode(body)
    except msgspec.ValidationError:
        raise Problem(
            422,
            "invalid_body",
            "The body is not a request.",
            'send {"rows": [{"feature": value, …}]}; GET /openapi.json shows the features.',
        ) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        _check_slowly(body)
        raise _not_json() from None


def _check_slowly(body: bytes) -> None:
    """Read again with the standard library, looking at every key and number."""
    try:
        value = json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_constant=_no_constant,
            parse_int=_short_integer,
        )
    except (ValueError, RecursionError):
        raise _not_json() from None
    _check_depth(value)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Problem(400, "invalid_json", "A key stands twice in one object.")
    return found


def _no_constant(_name: str) -> Any:
    raise _not_json()


def _short_integer(digits: str) -> int:
    if len(digits) > 20:  # noqa: PLR2004  (more digits than 64 bits hold)
        raise Problem(422, "non_finite", "An integer is too large.")
    return int(digits)


def _check_depth(value: Any) -> None:
    layer = [value]
    for _ in range(DEEPEST):
        layer = [part for whole in layer for part in _parts(whole)]
        if not layer:
            return
    raise Problem(422, "too_deep", f"The body is nested deeper than {DEEPEST}.")


def _parts(whole: Any) -> list[Any]:
    if isinstance(whole, dict):
        return list(whole.values())
    return whole if isinstance(whole, list) else []


def _check_ids(ids: list[str], rows: int) -> None:
    if len(ids) != rows:
        raise Problem(422, "invalid_ids", "There have to be as many ids as rows.")
    for name in ids:
        if not 0 < len(name) <= LONGEST_ID or "\x00" in name or not name.isprintable():
            raise Problem(422, "invalid_ids", f"An id is 1 to {LONGEST_ID} printable characters.")


def _not_json() -> Problem:
    return Problem(
        400, "invalid_json", "The body is not JSON.", "a missing value is null; NaN is not JSON."
    )
