"""Keys and signatures that tests make by themselves, as `ssh-keygen` and security keys would."""

from __future__ import annotations

import base64
import hashlib
import textwrap
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from jupyter_mlops.domain.keys import NAMESPACE, PLAIN, TOUCHED, Key, as_string


@dataclass(frozen=True)
class Pen:
    """A person's key, the secret half included; a touched one is in a device."""

    secret: Ed25519PrivateKey
    kind: str = PLAIN

    @property
    def key(self) -> Key:
        """Return the public half."""
        application = b"ssh:" if self.kind == TOUCHED else b""
        return Key(self.kind, self.secret.public_key().public_bytes_raw(), application)

    def sign(self, told: str, *, namespace=NAMESPACE, hashed="sha512", flags=0x01) -> str:
        """Sign a text as OpenSSH does."""
        digest = hashlib.new(hashed, told.encode()).digest()
        parts = (namespace.encode(), b"", hashed.encode())
        inner = b"SSHSIG" + b"".join(map(as_string, parts)) + as_string(digest)
        behind = b""
        if self.kind == TOUCHED:
            behind = bytes([flags]) + (7).to_bytes(4, "big")
            bound = hashlib.sha256(self.key.application).digest() + behind
            inner = bound + hashlib.sha256(inner).digest()
        blob = as_string(self.kind.encode()) + as_string(self.secret.sign(inner)) + behind
        whole = b"SSHSIG" + (1).to_bytes(4, "big") + as_string(self.key.blob)
        return armour(whole + b"".join(map(as_string, parts)) + as_string(blob))

    def kept(self, folder, name):
        """Write the key where `ssh-keygen` reads it, and return the file."""
        form = (Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
        file = folder / name
        file.write_bytes(self.secret.private_bytes(*form))
        file.chmod(0o600)
        file.with_name(f"{name}.pub").write_text(self.key.line + f" {name}\n")
        return file


def pen(kind=PLAIN) -> Pen:
    """Make a key."""
    return Pen(Ed25519PrivateKey.generate(), kind)


def armour(data: bytes) -> str:
    """Write bytes as `ssh-keygen -Y sign` does."""
    body = "\n".join(textwrap.wrap(base64.b64encode(data).decode(), 70))
    return f"-----BEGIN SSH SIGNATURE-----\n{body}\n-----END SSH SIGNATURE-----\n"


def bare(armoured: str) -> bytes:
    """Return the bytes of a signature."""
    return base64.b64decode("".join(armoured.splitlines()[1:-1]))
