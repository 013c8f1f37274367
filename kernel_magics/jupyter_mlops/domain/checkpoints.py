"""Signed checkpoints of the audit log, and what those that an anchor holds say of it.

A checkpoint is a signed note (c2sp.org/signed-note, c2sp.org/tlog-checkpoint): the log's name, how
many events there are, the root of the Merkle tree over them (RFC 6962), a blank line, and an Ed25519
signature. Whoever kept one can tell later whether the log still begins with those events.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Literal, NamedTuple

from jupyter_mlops.domain import merkle
from jupyter_mlops.domain.audit import Link

EVERY: Final = 100
"""Events after which the next checkpoint is due."""
SECONDS: Final = 600.0
"""How long an event waits for a checkpoint."""
PREFIX: Final = "jupyter-mlops/"
DASH: Final = "\u2014 "
ED25519: Final = b"\x01"
LARGEST: Final = 64 << 20
"""Bytes that are read of an anchor: a hundred thousand checkpoints are half of it."""
GATHERED: Final = 4096
"""Events whose texts are in memory at most until they are hashed."""
_TEXT: Final = re.compile(r"([^\s+]+)\n(0|[1-9]\d{0,17})\n([A-Za-z0-9+/]{43}=)\n((?:[^\n]+\n)*)")
_SIGNATURE: Final = re.compile(DASH + r"([^\s+]+) ([A-Za-z0-9+/]+={0,2})")
_KEY: Final = re.compile(r"([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+={0,2})")

Why = Literal[
    "fits",
    "nothing",
    "unreadable",
    "foreign",
    "edited",
    "unknown_key",
    "contradicts",
    "shortened",
    "rewritten",
    "forked",
    "cut",
]


class Key(NamedTuple):
    """A public key that signs checkpoints, under the name of the log."""

    name: str
    public: bytes

    @property
    def id(self) -> bytes:
        """Return the four bytes by which a signature says whose it is."""
        return sha256(self.name.encode() + b"\n" + ED25519 + self.public).digest()[:4]

    @property
    def shown(self) -> str:
        """Return the key in the form that verifiers of signed notes read."""
        body = base64.b64encode(ED25519 + self.public).decode()
        return f"{self.name}+{self.id.hex()}+{body}"


@dataclass(frozen=True)
class Note:
    """A checkpoint as it was found, not yet verified; ``root`` is in hexadecimal."""

    origin: str
    size: int
    root: str
    text: str
    signatures: tuple[tuple[str, bytes, bytes], ...]
    raw: str


@dataclass(frozen=True)
class Seen:
    """What an anchor holds: notes, and the number of the first piece that is none."""

    notes: tuple[Note, ...]
    unreadable: int | None = None


@dataclass(frozen=True)
class Log:
    """The log as it stands: its name, its events, and its root at each size that was asked for."""

    origin: str
    events: int
    roots: Mapping[int, str]
    is_signed: Callable[[Note], bool | None]
    """Whether a note's signature is right; None where a key made it that the log does not know."""


@dataclass(frozen=True)
class Judged:
    """Whether a log is the one that an anchor knows; ``first`` is the first event that may not be.

    ``size`` is of the checkpoint that says so, ``sound`` of the last one before that fits.
    """

    ok: bool | None
    why: Why
    size: int = 0
    sound: int = 0
    first: int | None = None
    other: str = ""


def origin_of(identity: str) -> str:
    """Return the name of the log of a workspace."""
    return PREFIX + identity


def body(origin: str, size: int, root: str) -> str:
    """Return what is signed; ``root`` is in hexadecimal."""
    told = base64.b64encode(bytes.fromhex(root)).decode()
    return f"{origin}\n{size}\n{told}\n"


def note(text: str, key: Key, signature: bytes) -> str:
    """Return a text with its signature."""
    return f"{text}\n{DASH}{key.name} {base64.b64encode(key.id + signature).decode()}\n"


def read_key(told: str) -> Key | None:
    """Return a key as :attr:`Key.shown` gives it; None where it is none."""
    found = _KEY.fullmatch(told)
    if found is None:
        return None
    try:
        told_body = base64.b64decode(found[3], validate=True)
    except binascii.Error:
        return None
    key = Key(found[1], told_body[1:])
    fits = told_body[:1] == ED25519 and len(key.public) == merkle.SIZE
    return key if fits and key.id.hex() == found[2] else None


def read(raw: str) -> Note | None:
    """Return a checkpoint from its text; None where it is none."""
    text, blank, below = raw.rpartition("\n\n")
    found = _TEXT.fullmatch(text + "\n") if blank else None
    lines = below.removesuffix("\n").split("\n")
    signed = [_SIGNATURE.fullmatch(line) for line in lines]
    if found is None or not below.endswith("\n"):
        return None
    try:
        signatures = tuple(_signature(one) for one in signed if one)
    except binascii.Error:
        return None
    if len(signatures) != len(lines) or len(lines) > 16:  # noqa: PLR2004  (as many as have to be read)
        return None
    root = base64.b64decode(found[3]).hex()
    return Note(found[1], int(found[2]), root, text + "\n", signatures, raw)


def _signature(found: re.Match[str]) -> tuple[str, bytes, bytes]:
    told = base64.b64decode(found[2], validate=True)
    return found[1], told[:4], told[4:]


def seen(content: str) -> Seen:
    """Return the notes of a text in which they stand one after the other, blank lines between.

    A piece that was torn off while it was written is passed over when the same note follows it whole.
    """
    pieces = [one for one in re.split(r"\n\n+", content.strip("\n")) if one]
    notes: list[Note] = []
    at, torn = 0, ""
    while at < len(pieces):
        raw = "\n\n".join(pieces[at : at + 2]) + "\n"
        found = read(raw)
        if found is None:
            if torn:
                return Seen(tuple(notes), len(notes) + 1)
            torn, at = _piece(pieces, at)
            continue
        if torn and not raw.startswith(torn):
            return Seen(tuple(notes), len(notes) + 1)
        if notes and found.raw != notes[-1].raw and raw.startswith(notes[-1].raw.rstrip("\n")):
            notes.pop()
        notes.append(found)
        at, torn = at + 2, ""
    return Seen(tuple(notes), len(notes) + 1 if torn else None)


def _piece(pieces: Sequence[str], at: int) -> tuple[str, int]:
    """Return what is no whole note, with the piece of its signature if one follows, and what is next."""
    if at + 1 < len(pieces) and pieces[at + 1].startswith(DASH[:1]):
        return f"{pieces[at]}\n\n{pieces[at + 1]}", at + 2
    return pieces[at], at + 1


def joined(notes: Iterable[str]) -> str:
    """Return notes as they stand one after the other."""
    return "".join(f"{one}\n" for one in notes)


class Rooted:
    """Events on their way past, which leaves the root behind at each size that is asked for."""

    def __init__(self, links: Iterable[Link], sizes: Iterable[int]) -> None:
        self._links = iter(links)
        self._sizes = sorted({size for size in sizes if size > 0}, reverse=True)
        self.size = 0
        self.roots: dict[int, str] = {}

    def __iter__(self) -> Iterator[Link]:
        """Pass the events on."""
        tree: list[bytes] = []
        grown, texts = 0, list[str]()
        until = self._next(0)
        for size, link in enumerate(self._links, 1):
            if size <= until:
                texts.append(link.body)
                if size == until:
                    merkle.grow_by(tree, grown, merkle.text_leaves(texts))
                    grown, texts = size, []
                    if self._sizes[-1] == size:
                        self.roots[self._sizes.pop()] = merkle.crown(tree)
                    until = self._next(size)
            self.size = size
            yield link

    def _next(self, size: int) -> int:
        """Return up to which event texts are gathered; nought where no root is asked for any more."""
        return min(self._sizes[-1], size + GATHERED) if self._sizes else 0


def judge(found: Seen, log: Log, *, left: int = 0) -> Judged:
    """Say whether the log is the one whose checkpoints were found; ``left`` is how many have to be there."""
    if wrong := _as_it_was_left(found, log, left):
        return wrong
    sizes = {note.size: note.root for note in found.notes}
    if not sizes:
        return Judged(None, "nothing")
    sound = 0
    for size in sorted(size for size in sizes if size <= log.events):
        if log.roots.get(size) != sizes[size]:
            return Judged(False, "forked" if sound else "rewritten", size, sound, sound + 1)
        sound = size
    newest = max(sizes)
    if newest > log.events:
        return Judged(False, "cut", newest, sound, log.events + 1)
    return Judged(True, "fits", newest, newest)


def _as_it_was_left(found: Seen, log: Log, left: int) -> Judged | None:
    """Say whether somebody changed the anchor itself, which says nothing of the log yet."""
    roots: dict[int, str] = {}
    for one in found.notes:
        if one.origin != log.origin:
            return Judged(False, "foreign", one.size, other=one.origin)
        fits = log.is_signed(one)
        if fits is None:
            return Judged(False, "unknown_key", one.size)
        if not fits:
            return Judged(False, "edited", one.size)
        if roots.setdefault(one.size, one.root) != one.root:
            return Judged(False, "contradicts", one.size)
    if found.unreadable is not None:
        return Judged(False, "unreadable", found.unreadable)
    return Judged(False, "shortened", len(roots), left) if len(roots) < left else None
