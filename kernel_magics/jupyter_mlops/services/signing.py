"""The key that signs checkpoints: a file in the folder of the workspace, never in its database."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import sqlmodel

from jupyter_mlops.domain.checkpoints import Key, Note, origin_of, read_key
from jupyter_mlops.errors import Corrupt, Unavailable, Unsafe
from jupyter_mlops.services.workspace import Workspace
from jupyter_mlops.store import tables

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from sqlmodel import Session

MADE: Final = "audit:key:made"
_OTHERS: Final = 0o077


def signer(ws: Workspace) -> tuple[Ed25519PrivateKey, Key]:
    """Return the key of this workspace, made now when there is none; the audit log names it.

    Raises:
        Unsafe: others can read it.
        Corrupt: the file holds no such key.
        Unavailable: it cannot be written.
    """
    private = _read(ws.home.key_file) or _made(ws.home.key_file)
    with ws.look() as session:
        key = Key(origin(session), private.public_key().public_bytes_raw())
        is_told = key.shown in _told(session)
    if not is_told:
        _tell(ws, key)
    return private, key


def present(ws: Workspace, session: Session) -> Key | None:
    """Return the public key of this workspace, as far as it has one."""
    try:
        private = _read(ws.home.key_file)
    except (Unsafe, Corrupt):
        return None
    return Key(origin(session), private.public_key().public_bytes_raw()) if private else None


def known(ws: Workspace, session: Session) -> list[Key]:
    """Return the keys whose signatures count: those that the log names, and that of this folder."""
    found = [read_key(one) for one in _told(session)]
    own = present(ws, session)
    return list(dict.fromkeys(one for one in [own, *found] if one is not None))


def origin(session: Session) -> str:
    """Return the name of this workspace's log."""
    return origin_of(session.get_one(tables.Setting, "id").value)


def is_signed(note: Note, keys: list[Key]) -> bool | None:
    """Say whether a signature of a known key is right; None where no known key made any."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    verdict: bool | None = None
    for name, id, signature in note.signatures:
        for key in keys:
            if (key.name, key.id) != (name, id):
                continue
            try:
                Ed25519PublicKey.from_public_bytes(key.public).verify(signature, note.text.encode())
            except (InvalidSignature, ValueError):
                return False
            verdict = True
    return verdict


def as_pem(key: Key) -> bytes:
    """Return a public key as other tools read it."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    public = Ed25519PublicKey.from_public_bytes(key.public)
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _read(path: Path) -> Ed25519PrivateKey | None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            data = file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unreadable(path, error.strerror or error) from error
    if mode & _OTHERS:
        raise Unsafe(
            "Others can read {path}, the key that signs checkpoints of the audit log.",
            "chmod 600 {path}",
            code="key_open",
            path=path,
        )
    try:
        found = load_pem_private_key(data, password=None)
    except (ValueError, TypeError) as error:
        raise _unreadable(path, error) from error
    if not isinstance(found, Ed25519PrivateKey):
        raise _unreadable(path, type(found).__name__)
    return found


def _made(path: Path) -> Ed25519PrivateKey:
    """Write a new key whole or not at all; whoever was first has made the one that counts."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    data = Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with open(beside, "xb", opener=_private) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(beside, path)
        except FileExistsError:
            pass
        finally:
            beside.unlink()
    except OSError as error:
        raise Unavailable(
            "The key that signs checkpoints cannot be kept in {path}: {reason}.",
            "`jupyter mlops doctor` looks at its disk.",
            code="key_not_kept",
            path=path,
            reason=error.strerror or error,
        ) from error
    found = _read(path)
    if found is None:
        raise _unreadable(path, "it is gone")
    return found


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _told(session: Session) -> list[str]:
    """Return every key that the log names, as its events do."""
    import json

    event = tables.AuditEvent
    bodies = session.exec(sqlmodel.select(event.body).where(event.action == MADE)).all()
    found = []
    for body in bodies:
        try:
            after: Any = json.loads(body)["after"]
            found.append(str(after["key"]))
        except (ValueError, KeyError, TypeError):  # somebody changed it, which verifying tells
            continue
    return found


def _tell(ws: Workspace, key: Key) -> None:
    with ws.act("audit:key", subject="workspace") as act:
        known = _told(act.session)
        if key.shown in known:
            act.nothing()
        act.outcome = "made"
        act.before = {"key": known[-1]} if known else None
        act.after = {"key": key.shown}


def _unreadable(path: Path, why: object) -> Corrupt:
    return Corrupt(
        "{path} is no key that signs checkpoints: {why}.",
        "put the key back from a copy; without one, take the file away, and a new key is made.",
        code="key_unreadable",
        path=path,
        why=why,
    )
