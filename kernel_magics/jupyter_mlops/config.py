"""Where things are; read once."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from jupyter_mlops.errors import Invalid

WORKSPACE = "JUPYTER_MLOPS_WORKSPACE"
FOLDER = "JUPYTER_MLOPS_FOLDER"
CONFINED = "JUPYTER_MLOPS_CONFINED"
"""Names the only workspace that a process may open, whatever its notebook says: that of a trial run."""

SECRET = ("pass", "secret", "token", "key")
"""What is in the names of those arguments of a database's address that are shown to nobody."""


@dataclass(frozen=True)
class Home:
    """The places of one workspace: a folder, and the database that belongs to it."""

    folder: Path
    url: str

    @property
    def is_sqlite(self) -> bool:
        """Say whether the store is a file in the folder."""
        return self.url.startswith("sqlite:")

    @property
    def shown(self) -> str:
        """Return the database's address without its passwords, before the host or in the query."""
        front, mark, query = self.url.partition("?")
        named = "&".join(map(_without_secret, query.split("&")))
        return re.sub(r"(://[^:/@]*):[^@]*@", r"\1:***@", front) + mark + named

    @property
    def where(self) -> str:
        """Return what opens this workspace again in another process."""
        return str(self.folder) if self.is_sqlite else self.url

    def environment(self) -> dict[str, str]:
        """Return the environment of a process that opens this workspace again.

        Its address may hold a password, and what a process was started with is shown to everybody.
        """
        return {**os.environ, WORKSPACE: self.where}

    @property
    def database(self) -> Path:
        """Return the SQLite file."""
        return Path(self.url.removeprefix("sqlite:///"))

    @property
    def allowed_file(self) -> Path:
        """Return the file in which the owner allows places inside; no verb writes it."""
        return self.folder / "webhook-allowed.txt"

    def allowed(self) -> frozenset[str]:
        """Return the places inside (``host:port``) that the owner of the workspace allows.

        They stand in a file, one a line; one that others can write to counts for nothing.
        """
        try:
            if not is_owners(self.allowed_file):
                return frozenset()
            lines = self.allowed_file.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeError):
            return frozenset()
        return frozenset(line.strip() for line in lines if line.strip() and line[0] != "#")

    @property
    def artifacts(self) -> Path:
        """Return the folder of models, cards and notebooks, named by content."""
        return self.folder / "artifacts"

    @property
    def predictions(self) -> Path:
        """Return the folder of sealed prediction logs."""
        return self.folder / "predictions"

    @property
    def actuals(self) -> Path:
        """Return the folder of what really happened."""
        return self.folder / "actuals"

    @property
    def spool(self) -> Path:
        """Return the folder of prediction logs that are still being written."""
        return self.folder / "spool"

    @property
    def server_file(self) -> Path:
        """Return the file that says where the prediction server listens."""
        return self.folder / "server.json"

    @property
    def run(self) -> Path:
        """Return the folder where each process of the prediction server says what it serves."""
        return self.folder / "run"

    @property
    def pinned_file(self) -> Path:
        """Return the prediction server's own copy of people and policies, where it has no other place."""
        return self.folder / "pinned.json"

    @property
    def log_file(self) -> Path:
        """Return the file the prediction server writes its own log to."""
        return self.folder / "server.log"

    @property
    def access(self) -> Path:
        """Return the folder of the prediction server's access log."""
        return self.folder / "access"

    @property
    def key_file(self) -> Path:
        """Return the file of the key that signs checkpoints of the audit log."""
        return self.folder / "checkpoint.key"

    @property
    def anchors(self) -> Path:
        """Return the folder of what is known here of git remotes that are anchors."""
        return self.folder / "anchors"

    @property
    def lock_file(self) -> Path:
        """Return the file that writers of this folder queue at."""
        return self.folder / "store.lock"


def is_owners(path: Path) -> bool:
    """Say whether nobody but its owner, who is this user or root, can write to a file."""
    found = path.stat()
    others = stat.S_IWGRP | stat.S_IWOTH
    return found.st_uid in (0, os.getuid()) and not found.st_mode & others


def is_remote(where: str | Path | None) -> bool:
    """Say whether the workspace is on the other side of an HTTP address."""
    if os.environ.get(CONFINED):
        return False
    return str(where or "").startswith(("http://", "https://"))


def said(environ: Mapping[str, str] = os.environ) -> str:
    """Return the workspace that the environment names, or the user data folder."""
    return environ.get(WORKSPACE) or str(_data_folder(environ) / "workspace")


def find_home(where: str | Path | None = None, *, environ: Mapping[str, str] = os.environ) -> Home:
    """Return the places of the workspace that ``where`` names.

    Args:
        environ: the environment to read, the process's own by default.
        where: a folder, ``sqlite:///…/store.db`` or ``postgresql+psycopg://…``; when nothing is
            said, what the environment says. Artifacts and prediction logs of a PostgreSQL store
            are in ``JUPYTER_MLOPS_FOLDER``, or in a user data folder named after the database.

    Raises:
        Invalid: the address is of another kind.
    """
    text = environ.get(CONFINED) or str(where or said(environ))
    if text.startswith("sqlite:///"):
        return Home(Path(text.removeprefix("sqlite:///")).expanduser().absolute().parent, text)
    if text.startswith(("postgresql://", "postgres://", "postgresql+psycopg://")):
        _check_readable(text)
        return Home(
            _beside_postgres(text, environ), "postgresql+psycopg://" + text.partition("://")[2]
        )
    if "://" in text:
        raise Invalid(
            "{where} is not a place for a workspace.",
            "name a folder, sqlite:///…, postgresql+psycopg://… or a server's https://… address.",
            code="workspace_invalid",
            where=text.partition("://")[0] + "://…",
        )
    folder = Path(text).expanduser().absolute()
    return Home(folder, f"sqlite:///{folder / 'store.db'}")


def _check_readable(url: str) -> None:
    """Raise unless it is clear where the password ends; pieces of one would be taken for a host."""
    try:
        parts = urlsplit(url)
        is_clear = parts.port != 0 and url.count("@") == parts.netloc.count("@") < 2  # noqa: PLR2004
    except ValueError:
        is_clear = False
    if not is_clear:
        raise Invalid(
            "The address of the database cannot be read.",
            "percent-encode the characters @ / ? # within its password.",
            code="address_unreadable",
        )


def _without_secret(said: str) -> str:
    """Return one argument of an address, its value left out when that is a password or a key."""
    name, mark, _ = said.partition("=")
    is_secret = any(word in unquote(name).lower() for word in SECRET)
    return f"{name}=***" if mark and is_secret else said


def _beside_postgres(url: str, environ: Mapping[str, str]) -> Path:
    if folder := environ.get(FOLDER):
        return Path(folder).expanduser().absolute()
    parts = urlsplit(url)
    place = f"{parts.hostname}:{parts.port or 5432}{parts.path}?{parts.query}"
    name = hashlib.sha256(place.encode()).hexdigest()[:12]
    return _data_folder(environ) / f"postgres-{name}"


def _data_folder(environ: Mapping[str, str]) -> Path:
    home = Path(environ.get("HOME") or Path.home())
    if sys.platform == "darwin":
        return home / "Library" / "Application Support" / "jupyter-mlops"
    if sys.platform == "win32":
        return Path(environ.get("LOCALAPPDATA") or home) / "jupyter-mlops"
    return Path(environ.get("XDG_DATA_HOME") or home / ".local" / "share") / "jupyter-mlops"
