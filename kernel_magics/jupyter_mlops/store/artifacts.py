"""Models, cards and notebooks, kept by content: a name is the digest of the bytes."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec

from jupyter_mlops.errors import Corrupt, Invalid, NotFound
from jupyter_mlops.store.disk import make_folder, sync_folder

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def digest_of(data: bytes) -> str:
    """Return the name that bytes have here."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Artifacts:
    """Keeps bytes under their own digest, in a folder or any place fsspec reaches."""

    def __init__(self, place: str | Path) -> None:
        self._system, self._root = fsspec.core.url_to_fs(str(place))
        self._local = "file" in self._system.protocol

    def put(self, data: bytes) -> str:
        """Keep the bytes, once, and return their digest."""
        digest = digest_of(data)
        path = self._path(digest)
        if self._system.exists(path):
            return digest
        self._make_place(path)
        if self._local:
            _write_durably(Path(path), data)
        else:
            self._system.pipe_file(path, data)
        return digest

    def get(self, digest: str) -> bytes:
        """Return the bytes with this digest, after hashing what was read.

        Raises:
            NotFound: nothing was kept under this digest.
            Corrupt: what is there now has another digest.
        """
        path = self._path(digest)
        try:
            data: bytes = self._system.cat_file(path)
        except FileNotFoundError:
            raise NotFound(
                "No artifact {digest} is kept in this workspace.",
                code="artifact_not_found",
                digest=digest,
            ) from None
        if digest_of(data) != digest:
            raise Corrupt(
                "Artifact {digest} is not what was kept: its bytes have another digest now.",
                "restore the artifacts folder from a backup; `audit --verify` looks further.",
                code="artifact_changed",
                digest=digest,
            )
        return data

    def take(self, file: Path) -> str:
        """Keep a file of this machine, which goes from where it is, and return its digest."""
        with file.open("rb") as opened:
            digest = f"sha256:{hashlib.file_digest(opened, 'sha256').hexdigest()}"
            os.fsync(opened.fileno())
        path = self._path(digest)
        if not self._system.exists(path):
            self._make_place(path)
            if self._local:
                file.chmod(0o440)
                shutil.move(file, path)
                sync_folder(Path(path).parent)
            else:
                self._system.put_file(str(file), path)
        file.unlink(missing_ok=True)
        return digest

    def pieces(self, digest: str, *, size: int = 1 << 20) -> Iterator[bytes]:
        """Return the bytes with this digest a piece at a time; whoever takes them hashes them."""
        with self._system.open(self._path(digest), "rb") as file:
            while piece := file.read(size):
                yield piece

    def all(self) -> Iterator[tuple[str, bytes]]:
        """Return the digest of everything that is kept, with its first bytes."""
        root = f"{self._root}/sha256"
        for path in self._system.find(root) if self._system.exists(root) else ():
            digest = "sha256:" + str(path).rpartition("/")[2]
            if _DIGEST.fullmatch(digest):
                with self._system.open(path, "rb") as file:
                    yield digest, file.read(4)

    def opened(self, digest: str) -> Any:
        """Return a file of the bytes with this digest, in which one can seek; nobody has hashed them."""
        return self._system.open(self._path(digest), "rb")

    def remove(self, digest: str) -> None:
        """Remove the bytes with this digest for good; that they are gone already is no error."""
        with contextlib.suppress(FileNotFoundError):
            self._system.rm_file(self._path(digest))

    def _make_place(self, path: str) -> None:
        if self._local:
            make_folder(Path(path).parent)
        else:
            self._system.makedirs(path.rpartition("/")[0], exist_ok=True)

    def _path(self, digest: str) -> str:
        if not _DIGEST.fullmatch(digest):
            raise Invalid("{digest} is not a digest.", code="digest_invalid", digest=repr(digest))
        name = digest.removeprefix("sha256:")
        return f"{self._root}/sha256/{name[:2]}/{name}"


def _write_durably(path: Path, data: bytes) -> None:
    """Write beside, sync, rename, sync the folder: after this the bytes survive a power cut."""
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=".incoming-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(beside).chmod(0o440)
        Path(beside).rename(path)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise
    sync_folder(path.parent)
