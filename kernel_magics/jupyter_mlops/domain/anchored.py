"""Where checkpoints may be left outside, and the shapes of what is told of such places."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal, NotRequired, TypedDict
from urllib.parse import urlsplit

from jupyter_mlops.domain import webhooks
from jupyter_mlops.errors import Invalid

Kind = Literal["file", "git", "webhook"]
Asked = Literal["auto", "file", "git", "webhook"]
State = Literal["current", "behind", "unreachable", "disagrees"]

LONGEST: Final = 2000
AHEAD, FOREIGN = "ahead", "foreign"
"""What an anchor fails by that was reached and holds something else than it should."""
_BY_SSH: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*@[A-Za-z0-9][A-Za-z0-9.-]*:[^:\s-][^:\s]*")
_HELPER: Final = re.compile(r"[A-Za-z0-9+.-]+::")
_HOST: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*")


class AnchorRow(TypedDict):
    """A place outside that holds checkpoints: how many events they cover, and how old that is."""

    where: str
    kind: Kind
    state: State
    events: int
    behind: int
    age: float | None
    signed_at: str
    at: str
    because: str


class Anchors(TypedDict):
    """The anchors there are, how many events the log has, and its newest checkpoint."""

    items: list[AnchorRow]
    events: int
    checkpoint: str
    key: str
    secret: NotRequired[str]


class AnchorVerdict(TypedDict):
    """What an anchor says of the log; ``ok`` is null where it says nothing."""

    where: str
    kind: Kind
    events: int
    age: float | None
    signed_at: str
    ok: bool | None
    because: str


class FieldChange(TypedDict):
    """A field that an event changed, and how."""

    field: str
    before: str
    after: str


@dataclass(frozen=True)
class Place:
    """Where an anchor is; a ``path`` is on this machine and may be a file or a repository."""

    kind: Kind | Literal["path"]
    address: str

    @property
    def shown(self) -> str:
        """Return the address without what may be a secret in it."""
        return shown(self.kind, self.address)


def shown(kind: str, address: str) -> str:
    """Return an address without what may be a secret in it."""
    return webhooks.read_url(address).shown if kind == "webhook" else address


def place(where: str, kind: Asked = "auto") -> Place:
    """Return which place somebody means.

    Raises:
        Invalid: it is none, or one of a kind that cannot be an anchor here.
    """
    if not where.strip() or len(where) > LONGEST or not where.isprintable():
        raise _wrong(where, "it is no address")
    if where.startswith("-"):
        raise _wrong(where, "it begins like an option")
    scheme = where.partition("://")[0].lower() if "://" in where else ""
    if scheme in ("https", "http"):
        return _by_http(where, kind, scheme)
    if scheme in ("ssh", "file"):
        return _by_git(where, kind, scheme)
    if scheme:
        raise _wrong(where, f"{scheme}:// is none of what can be one")
    if helper := _HELPER.match(where):
        raise _wrong(where, f"{helper[0]} is none of what can be one")
    if kind in ("auto", "git") and _BY_SSH.fullmatch(where):
        return Place("git", where)
    if kind == "webhook":
        raise _wrong(where, "a webhook begins with https://")
    return Place("path", where)


def _by_http(where: str, kind: Asked, scheme: str) -> Place:
    is_git = kind == "git" or (kind == "auto" and urlsplit(where).path.endswith(".git"))
    if kind == "file":
        raise _wrong(where, "a file is named by its path")
    webhooks.read_url(where)  # no credentials, no odd host
    if is_git and scheme == "http":
        raise _wrong(where, "git is spoken over https, ssh and files")
    return Place("git" if is_git else "webhook", where)


def _by_git(where: str, kind: Asked, scheme: str) -> Place:
    if kind not in ("auto", "git"):
        raise _wrong(where, f"{scheme}:// is of a git repository")
    try:
        parts = urlsplit(where)
        host, password = parts.hostname or "", parts.password
    except ValueError:
        raise _wrong(where, "it cannot be read") from None
    if password is not None or any(c.isspace() for c in where):
        raise _wrong(where, "it holds a password or a space")
    if scheme == "ssh" and not (
        _HOST.fullmatch(host) and not (parts.username or "x").startswith("-")
    ):
        raise _wrong(where, "its host cannot be read")
    if scheme == "file" and (host or not parts.path.startswith("/")):
        raise _wrong(where, "a path follows file://")
    return Place("git", where)


def _wrong(where: str, why: str) -> Invalid:
    return Invalid(
        "{where} cannot be an anchor: {why}.",
        "name an append-only file, a git repository (a path, ssh://, https://….git) or a webhook"
        " (https://…); buckets with object lock and timestamp authorities are not among them.",
        code="anchor_invalid",
        where=where,
        why=why,
    )
