"""Signing with a person's own SSH key, by `ssh-keygen`: agents, passphrases and devices work."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from jupyter_mlops.domain.keys import NAMESPACE, Key, read_key
from jupyter_mlops.errors import Invalid, NotFound, Refused, Unavailable


def public(key: str) -> Key:
    """Return the public half of a key that a file holds.

    Raises:
        NotFound: there is no such file.
        Invalid: it is no Ed25519 key.
    """
    path = _path(key)
    beside = path if path.suffix == ".pub" else path.with_name(path.name + ".pub")
    if beside.is_file():
        return read_key(_text(beside))
    if not path.is_file():
        raise NotFound(
            "There is no key {path}.",
            "name yours: --key FILE; `ssh-keygen -t ed25519` makes one.",
            code="key_not_found",
            path=path,
        )
    return read_key(_said([_tool(), "-y", "-f", str(path)], "", path))


def sign(told: str, key: str) -> str:
    """Return the signature of a text; `ssh-keygen` asks for what it needs.

    Raises:
        Refused: it did not sign.
    """
    path = _path(key)
    return _said([_tool(), "-Y", "sign", "-f", str(path), "-n", NAMESPACE], told, path)


def _path(key: str) -> Path:
    try:
        return Path(key).expanduser().absolute()
    except (RuntimeError, OSError, ValueError):
        raise NotFound("There is no key {path}.", code="key_not_found", path=key) from None


def _text(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            return file.read(20_000)
    except (OSError, ValueError):
        raise Invalid(
            "The key {path} cannot be read.",
            "name another: --key FILE.",
            code="key_invalid",
            path=path,
        ) from None


def _said(argv: list[str], told: str, path: Path) -> str:
    done = subprocess.run(argv, input=told.encode(), stdout=subprocess.PIPE, check=False)
    if done.returncode == 0:
        return done.stdout.decode("utf-8", "replace")
    raise Refused(
        "ssh-keygen did not sign with {path}.",
        "what it wrote above says why; --key FILE names another key.",
        code="not_signed",
        path=path,
    )


def _tool() -> str:
    found = shutil.which("ssh-keygen")
    if found:
        return found
    raise Unavailable(
        "There is no ssh-keygen here, which signs.",
        "install OpenSSH 8.2 or newer.",
        code="ssh_keygen_missing",
    )
