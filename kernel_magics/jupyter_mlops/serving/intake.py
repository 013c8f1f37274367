"""Taking in bodies: of a kind that is read here, no larger than allowed, within a memory for all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from jupyter_mlops.serving import bodies
from jupyter_mlops.serving.problems import Problem

SMALL: Final = 1 << 20
ROOM: Final = 2 * bodies.LARGEST
"""Bytes of large bodies that are held at once, whoever sends them."""
LARGEST_UNTOLD: Final = 16 << 20
"""The most of a body that does not say beforehand how long it is."""

Headers = Mapping[bytes, bytes]
Receive = Callable[[], Awaitable[dict[str, Any]]]


class Intake:
    """Reads bodies; large ones share a room, small ones always find place."""

    def __init__(self, room: int = ROOM) -> None:
        self._left = room

    @contextmanager
    def room(self, headers: Headers, largest: int) -> Iterator[int]:
        """Yield how large this body may be, with room set aside for it where it is large.

        Raises:
            Problem: 413, it is larger; 429, other large ones are being worked on.
        """
        declared = headers.get(b"content-length", b"")
        told = int(declared) if declared.isdigit() and len(declared) < 20 else None  # noqa: PLR2004  (digits of 64 bits)
        if declared and told is None:
            raise too_large(largest)
        most = min(largest, LARGEST_UNTOLD if told is None else told)
        if told is not None and told > largest:
            raise too_large(largest)
        held = most if most > SMALL and (told is not None or _is_chunked(headers)) else 0
        if held > self._left:
            raise Problem(
                429,
                "too_many_large_requests",
                "Other large requests are being worked on.",
                "try again, or send fewer rows at once.",
                {"Retry-After": "1"},
            )
        self._left -= held
        try:
            yield most
        finally:
            self._left += held


def _is_chunked(headers: Headers) -> bool:
    return b"transfer-encoding" in headers


def is_small(headers: Headers) -> bool:
    """Say whether a body is small by its own word, which the server holds it to."""
    declared = headers.get(b"content-length", b"")
    return len(declared) <= len(str(SMALL)) and declared.isdigit() and int(declared) <= SMALL


def kind_of(headers: Headers, kinds: Sequence[str]) -> str:
    """Return the kind of a body.

    Raises:
        Problem: 415, nobody here reads it.
    """
    kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower().decode("latin-1")
    if kind not in kinds or headers.get(b"content-encoding"):
        allowed = " or ".join(filter(None, kinds))
        raise Problem(415, "unsupported_media_type", f"Send {allowed}, not compressed.")
    return kind


async def read(receive: Receive, most: int) -> bytes:
    """Read a body to its end.

    Raises:
        Problem: 413, it is larger than that; 400, it ends too early.
    """
    message = await receive()
    body: bytes = message.get("body", b"")
    if message["type"] != "http.disconnect" and not message.get("more_body", False):
        if len(body) > most:
            raise too_large(most)
        return body
    return await _rest(message, receive, most)


async def _rest(message: dict[str, Any], receive: Receive, most: int) -> bytes:
    """Read what comes after the first part of a body."""
    parts, size, more = [], 0, True
    while more:
        if message["type"] == "http.disconnect":
            raise Problem(400, "incomplete", "The request ended before its body did.")
        part = message.get("body", b"")
        size += len(part)
        if size > most:
            raise too_large(most)
        parts.append(part)
        more = message.get("more_body", False)
        if more:
            message = await receive()
    return parts[0] if len(parts) == 1 else b"".join(parts)


def too_large(most: int) -> Problem:
    """Return the problem of a body that is larger than allowed."""
    return Problem(
        413, "too_large", f"A body has at most {most} bytes here.", "send fewer rows at once."
    )
