"""Reading JSON strictly: what two readers could understand differently is refused.

The fast way decodes into a type and counts colons and brackets; only when the counts are not what the
keys explain does the slow way look for duplicate keys, depth and huge integers. Both refuse NaN, infinities,
broken UTF-8, lone surrogates and NUL.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

import msgspec

from jupyter_mlops.serving.problems import Problem

LARGEST: Final = 64 << 20
LARGEST_ACTUALS: Final = 16 << 20
DEEPEST: Final = 32
MOST_ROWS: Final = 100_000
MOST_VALUES: Final = 5_000_000
LARGE: Final = 1 << 20
LONGEST_ID: Final = 200
_NUL: Final = b"\\u0000"
_NUL_ESCAPE: Final = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


class Asked(msgspec.Struct, forbid_unknown_fields=True):
    """The body of a prediction request: rows, or columns of equal length."""

    rows: list[dict[str, Any]] | None = None
    ids: list[str] | None = None
    columns: dict[str, list[Any]] | None = None

    @property
    def record(self) -> bytes:
        """Return the request by rows, which is how the log keeps it."""
        return _encode({"rows": self.rows})


class Told(msgspec.Struct, forbid_unknown_fields=True):
    """The body that brings actuals."""

    rows: list[dict[str, Any]]
    id: str = "id"
    value: str = "value"
    time: str | None = None


_encode: Final = msgspec.json.Encoder().encode
_ASKED: Final = msgspec.json.Decoder(Asked)
_TOLD: Final = msgspec.json.Decoder(Told)


def asked(body: bytes) -> Asked:
    """Return what is asked for.

    Raises:
        Problem: 400 for what is not JSON, 422 for JSON that is not a request.
    """
    found: Asked = decoded(_ASKED, body)
    if (found.rows is None) == (found.columns is None):
        raise _not_a_request()
    keys = 2 if found.ids is not None else 1
    lists = keys + len(found.columns or ()) - (found.columns is not None)
    for named in found.rows or (found.columns,):
        keys += len(named or ())
    if body.count(b":") != keys or body.count(b"[") != lists:
        check_slowly(body)
    if found.columns is not None:
        found.rows = by_row(found.columns)
    rows = found.rows
    if not rows or len(rows) > MOST_ROWS:
        raise Problem(422, "invalid_rows", f"A request has 1 to {MOST_ROWS} rows.")
    if found.ids is not None:
        check_ids(found.ids, len(rows))
    return found


def check_parts(body: bytes) -> None:
    """Raise if a large text has so many parts that reading it would fill the memory."""
    if max(body.count(b"{"), body.count(b"[")) > 2 * MOST_ROWS:
        raise too_many_values()
    check_values(body.count(b","))


def check_values(count: int) -> None:
    """Raise if these are more values than one request has."""
    if count > MOST_VALUES:
        raise too_many_values()


def too_many_values() -> Problem:
    """Return the problem of a request whose rows and columns are too many together."""
    return Problem(
        413, "too_large", f"A request has at most {MOST_VALUES} values.", "send fewer rows at once."
    )


def by_row(columns: dict[str, list[Any]]) -> list[dict[str, Any]]:
    """Turn columns into rows.

    Raises:
        Problem: they are not of one length.
    """
    if len(set(map(len, columns.values()))) > 1:
        raise Problem(422, "invalid_rows", "The columns are not of one length.")
    return [
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]


def told(body: bytes) -> Told:
    """Return the actuals that are told."""
    found: Told = decoded(_TOLD, body)
    check_slowly(body)
    return found


def decoded(decoder: Any, body: bytes) -> Any:
    """Decode strict JSON into the decoder's type.

    Raises:
        Problem: 400 for what is not JSON, 422 for JSON of another shape.
    """
    if len(body) > LARGE:
        check_parts(body)
    if b"\\" in body and _NUL in body and _NUL_ESCAPE.search(body):
        raise with_nul()
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        if "out of range" in str(error):
            raise Problem(422, "non_finite", "A number is too large.") from None
        raise _not_a_request() from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        check_slowly(body)
        raise _not_json() from None


def check_slowly(body: bytes) -> None:
    """Read again with the standard library, looking at every key and number.

    Raises:
        Problem: 400 for a key that stands twice, 422 for depth and for integers that are too large.
    """
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


def check_ids(ids: list[Any], rows: int) -> None:
    """Raise unless there is one printable text for each row."""
    if len(ids) != rows:
        raise Problem(422, "invalid_ids", "There have to be as many ids as rows.")
    for name in ids:
        if not isinstance(name, str) or not 0 < len(name) <= LONGEST_ID or not name.isprintable():
            raise Problem(422, "invalid_ids", f"An id is 1 to {LONGEST_ID} printable characters.")


def with_nul() -> Problem:
    """Return the problem of a text that databases would cut short."""
    return Problem(422, "invalid_text", "A text holds a NUL character.")


def _not_a_request() -> Problem:
    return Problem(
        422,
        "invalid_body",
        "The body is not a request.",
        'send {"rows": [{"feature": value, …}]}; GET /openapi.json shows the features.',
    )


def _not_json() -> Problem:
    return Problem(
        400, "invalid_json", "The body is not JSON.", "a missing value is null; NaN is not JSON."
    )
