"""SSH keys and signatures as bytes: what they hold, and what is none.

The forms are those of OpenSSH: `PROTOCOL.sshsig`, `PROTOCOL.u2f`. Nothing here computes a signature;
`services.signatures` does.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from typing import Final

from jupyter_mlops.errors import Invalid, Refused

NAMESPACE: Final = "jupyter-mlops-decision@v1"
"""What a signature has to be for; one that was given for something else decides nothing here."""
PLAIN: Final = "ssh-ed25519"
TOUCHED: Final = "sk-ssh-ed25519@openssh.com"
"""A key in a device that a person touches."""
HASHES: Final = ("sha512", "sha256")
LONGEST: Final = 16_384
_MAGIC: Final = b"SSHSIG"
_BEGIN, _END = "-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----"
_PRESENT: Final = 0x01
_BODY = re.compile(r"[A-Za-z0-9+/=\s]+")


@dataclass(frozen=True)
class Key:
    """A public key: its kind, its 32 bytes, and where it lives in a device, what it is bound to."""

    kind: str
    raw: bytes
    application: bytes = b""

    @property
    def blob(self) -> bytes:
        """Return the key as OpenSSH writes it into files and signatures."""
        parts = [self.kind.encode(), self.raw]
        if self.kind == TOUCHED:
            parts.append(self.application)
        return b"".join(map(as_string, parts))

    @property
    def line(self) -> str:
        """Return the one line that stands for this key, without the remark behind it."""
        return f"{self.kind} {base64.b64encode(self.blob).decode()}"

    @property
    def fingerprint(self) -> str:
        """Return what `ssh-keygen -l` shows of it."""
        digest = base64.b64encode(hashlib.sha256(self.blob).digest()).decode()
        return "SHA256:" + digest.rstrip("=")


@dataclass(frozen=True)
class Signature:
    """A signature as it was read; whether it is right is not known yet."""

    key: Key
    namespace: bytes
    reserved: bytes
    hash: str
    raw: bytes
    flags: int = 0
    counter: bytes = b""

    @property
    def is_touched(self) -> bool:
        """Say whether it claims that somebody touched the device when it was made."""
        return self.key.kind == TOUCHED and bool(self.flags & _PRESENT)

    def signed(self, message: bytes) -> bytes:
        """Return the bytes that the key has to have signed for this message."""
        parts = (self.namespace, self.reserved, self.hash.encode())
        told = _MAGIC + b"".join(map(as_string, parts))
        told += as_string(hashlib.new(self.hash, message).digest())
        if self.key.kind != TOUCHED:
            return told
        application = hashlib.sha256(self.key.application).digest()
        return application + bytes([self.flags]) + self.counter + hashlib.sha256(told).digest()


def read_key(line: str) -> Key:
    """Return the public key that a line of `~/.ssh/id_ed25519.pub` holds.

    Raises:
        Invalid: it is none, or of a kind that is not read here.
    """
    words = line.split()
    if len(words) < 2 or len(line) > LONGEST:  # noqa: PLR2004
        raise _no_key(line)
    if words[0] not in (PLAIN, TOUCHED):
        raise Invalid(
            "A key of kind {kind} is not read here: only Ed25519 is.",
            "`ssh-keygen -t ed25519` makes one; `-t ed25519-sk` one in a security key.",
            code="key_kind",
            kind=words[0],
        )
    try:
        key = _key(base64.b64decode(words[1], validate=True))
    except (Invalid, ValueError, binascii.Error):
        raise _no_key(line) from None
    if key.kind != words[0]:
        raise _no_key(line)
    return key


def read_signature(armoured: str) -> Signature:
    """Return what a signature of `ssh-keygen -Y sign` holds.

    Raises:
        Invalid: it is none: no armour, cut short, with bytes too many, of another kind.
    """
    text = armoured.strip()
    if len(text) > LONGEST or not (text.startswith(_BEGIN) and text.endswith(_END)):
        raise unreadable("it has no beginning and end as `ssh-keygen -Y sign` writes them")
    body = text.removeprefix(_BEGIN).removesuffix(_END)
    if not _BODY.fullmatch(body):
        raise unreadable("it is not base64")
    try:
        data = base64.b64decode("".join(body.split()), validate=True)
    except (ValueError, binascii.Error):
        raise unreadable("it is not base64") from None
    if not data.startswith(_MAGIC):
        raise unreadable("it is no SSH signature")
    reader = _Reader(data[len(_MAGIC) :])
    if reader.number() != 1:
        raise unreadable("it is of another version than 1")
    key = _key(reader.string())
    namespace, reserved, hash_ = reader.string(), reader.string(), reader.string()
    inner = _Reader(reader.string())
    reader.end()
    return _signature(key, namespace, reserved, hash_, inner)


def check_given_for(signature: Signature, purpose: str) -> None:
    """Raise unless a signature was given for this purpose, by somebody who was there.

    Raises:
        Refused: it was given for something else, or a device gave it untouched.
    """
    if signature.namespace != purpose.encode():
        raise Refused(
            "This signature was given for {found}, not for {wanted}.",
            "sign with `jupyter mlops decide`, or ssh-keygen -Y sign -n {wanted}.",
            code="signature_namespace",
            found=signature.namespace.decode(errors="replace"),
            wanted=purpose,
        )
    if signature.key.kind == TOUCHED and not signature.is_touched:
        raise Refused(
            "The security key signed without being touched, which proves nobody's presence.",
            "make a key that asks for it: ssh-keygen -t ed25519-sk (without -O no-touch-required).",
            code="signature_untouched",
        )


def as_string(data: bytes) -> bytes:
    """Return bytes with their length before them."""
    return len(data).to_bytes(4, "big") + data


def unreadable(why: str) -> Invalid:
    """Return the error that says why a signature cannot be read."""
    return Invalid(
        "This is no signature: {why}.",
        "`jupyter mlops decide` makes one.",
        code="signature_unreadable",
        why=why,
    )


def _signature(
    key: Key, namespace: bytes, reserved: bytes, hash_: bytes, inner: _Reader
) -> Signature:
    name = hash_.decode("ascii", errors="replace")
    if name not in HASHES:
        raise Refused(
            "This signature is of a digest of kind {found}; only {known} are read here.",
            "sign again with `jupyter mlops decide`.",
            code="signature_hash",
            found=name,
            known=", ".join(HASHES),
        )
    if inner.string() != key.kind.encode():
        raise unreadable("its key is of another kind than what it was signed with")
    raw = inner.string()
    flags, counter = (inner.take(1)[0], inner.take(4)) if key.kind == TOUCHED else (0, b"")
    inner.end()
    if len(raw) != 64:  # noqa: PLR2004  (RFC 8032)
        raise unreadable("it has another length than Ed25519 gives")
    return Signature(key, namespace, reserved, name, raw, flags, counter)


def _key(blob: bytes) -> Key:
    reader = _Reader(blob)
    kind = reader.string().decode("ascii", errors="replace")
    if kind not in (PLAIN, TOUCHED):
        raise unreadable(f"a key of kind {kind} is not read here, only Ed25519 is")
    raw = reader.string()
    application = reader.string() if kind == TOUCHED else b""
    reader.end()
    if len(raw) != 32:  # noqa: PLR2004  (RFC 8032)
        raise unreadable("its key has another length than Ed25519 has")
    return Key(kind, raw, application)


class _Reader:
    """Takes bytes from the front, and never more than there are."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def take(self, count: int) -> bytes:
        if count > len(self._data):
            raise unreadable("it is cut short")
        taken, self._data = self._data[:count], self._data[count:]
        return taken

    def number(self) -> int:
        return int.from_bytes(self.take(4), "big")

    def string(self) -> bytes:
        return self.take(self.number())

    def end(self) -> None:
        if self._data:
            raise unreadable("it has bytes too many")


def _no_key(line: str) -> Invalid:
    return Invalid(
        "{line} is no public key.",
        "it is the one line of ~/.ssh/id_ed25519.pub.",
        code="key_invalid",
        line=line[:40],
    )
