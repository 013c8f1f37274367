"""An anchor that is a git repository: a commit for each checkpoint, in a branch of its own.

The git command is asked with lists of words, never through a shell; it may not ask a person anything,
speaks the few protocols that are allowed, takes a bounded time, and never forces anything.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import signal
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from jupyter_mlops.domain import checkpoints as rules
from jupyter_mlops.services.anchoring.appended import Unreached

BRANCH: Final = "mlops-anchor"
NAME: Final = "checkpoint.txt"
SECONDS: Final = 30.0
_REMOTE: Final = f"refs/heads/{BRANCH}"
_SEEN, _NEXT = "refs/anchor/seen", "refs/anchor/next"
_SETTINGS: Final = (
    "core.hooksPath=/dev/null",
    "gc.auto=0",
    "maintenance.auto=false",
    "http.followRedirects=false",
    "credential.interactive=false",
    "transfer.fsckObjects=true",
)
_ENVIRONMENT: Final = {
    "GIT_ALLOW_PROTOCOL": "file:ssh:https",
    "GIT_ASKPASS": "true",
    "GIT_SSH_COMMAND": "ssh -o BatchMode=yes -o ConnectTimeout=10",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
    "SSH_ASKPASS_REQUIRE": "never",
}
_WHO: Final = "jupyter-mlops <jupyter-mlops@localhost>"


def is_repository(path: Path) -> bool:
    """Say whether a folder is a git repository, bare or with a work tree."""
    return (path / ".git").exists() or ((path / "HEAD").is_file() and (path / "objects").is_dir())


def read(folder: Path, address: str) -> str:
    """Return the checkpoints of a remote, the oldest first.

    Raises:
        Unreached: it does not answer, or git is not there.
    """
    with _copy(folder, address) as copy:
        return _notes(copy, _SEEN) if _fetched(copy, address) else ""


def push(folder: Path, address: str, notes: Sequence[str], moment: int) -> None:
    """Leave a commit for each checkpoint at a remote, after those that are there.

    Raises:
        Unreached: it does not answer, or somebody else was first.
    """
    with _copy(folder, address) as copy:
        tip = _fetched(copy, address)
        _git(copy, "fast-import", "--quiet", "--force", given=_stream(tip, notes, moment))
        _git(copy, "push", "--quiet", "--no-verify", address, f"{_NEXT}:{_REMOTE}")


def of_clone(path: Path) -> str:
    """Return the checkpoints of a repository on this machine, the branch's own or as it was fetched.

    Raises:
        Unreached: it has no such branch, or git is not there.
    """
    said = ["for-each-ref", "--format=%(refname)", _REMOTE, f"refs/remotes/*/{BRANCH}"]
    refs = _git(path, *said).decode().split()
    if not refs:
        raise Unreached(f"it has no branch {BRANCH}")
    return _notes(path, refs[0])


@contextlib.contextmanager
def _copy(folder: Path, address: str) -> Iterator[Path]:
    """Give a repository of our own for what is fetched from a remote; one process at a time uses it."""
    name = hashlib.sha256(address.encode()).hexdigest()[:16]
    copy = folder / f"{name}.git"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (folder / f"{name}.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (copy / "HEAD").exists():
                _git(folder, "init", "--quiet", "--bare", str(copy))
            yield copy
    except OSError as error:
        raise Unreached(error.strerror or str(error)) from error


def _fetched(copy: Path, address: str) -> str:
    """Bring what the remote has, and return the commit it ends with; empty where it has none."""
    listed = _git(copy, "ls-remote", address, _REMOTE).decode().split()
    if not listed:
        return ""
    options = ["--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules"]
    _git(copy, "fetch", *options, address, f"+{_REMOTE}:{_SEEN}")
    return _git(copy, "rev-parse", "--verify", _SEEN).decode().strip()


def _notes(repository: Path, ref: str) -> str:
    """Return the checkpoint of each commit, the oldest first; a commit without one leaves a mark."""
    commits = _git(repository, "rev-list", "--reverse", "--first-parent", ref).decode().split()
    asked = "".join(f"{commit}:{NAME}\n" for commit in commits).encode()
    told = _git(repository, "cat-file", "--batch", given=asked)
    return rules.joined(_blobs(told, commits))


def _blobs(told: bytes, commits: Sequence[str]) -> Iterator[str]:
    at = 0
    for commit in commits:
        line = _line(told, at)
        at += len(line) + 1
        found = re.fullmatch(rb"[0-9a-f]{40,64} blob (\d+)", line)
        if found is None:
            yield f"commit {commit} holds no {NAME}\n"
            continue
        size = int(found[1])
        yield told[at : at + size].decode("utf-8", errors="replace")
        at += size + 1


def _line(told: bytes, at: int) -> bytes:
    end = told.find(b"\n", at)
    return told[at : end if end >= 0 else len(told)]


def _stream(tip: str, notes: Sequence[str], moment: int) -> bytes:
    """Return what `git fast-import` makes of it: one commit after the other."""
    begin = f"reset {_NEXT}\n" + (f"from {tip}\n\n" if tip else "\n")
    return begin.encode() + b"".join(_commit(note.encode(), moment) for note in notes)


def _commit(note: bytes, moment: int) -> bytes:
    said = b"Checkpoint of %s events\n" % note.split(b"\n")[1]
    return b"".join(
        [
            f"commit {_NEXT}\ncommitter {_WHO} {moment} +0000\n".encode(),
            b"data %d\n%s\n" % (len(said), said),
            f"M 100644 inline {NAME}\n".encode(),
            b"data %d\n%s\n" % (len(note), note),
        ]
    )


def _git(folder: Path, *words: str, given: bytes = b"") -> bytes:
    """Ask git and return what it says; whatever it started ends with it.

    Raises:
        Unreached: it fails, takes too long or is not installed.
    """
    settings = [word for one in _SETTINGS for word in ("-c", one)]
    own = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        process = subprocess.Popen(
            ["git", *settings, *words],  # noqa: S607  (the git that the person has)
            cwd=folder,
            env={**own, **_ENVIRONMENT},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        raise Unreached(f"git: {error.strerror}") from error
    try:
        out, wrong = process.communicate(given, timeout=SECONDS)
    except BaseException as error:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if isinstance(error, subprocess.TimeoutExpired):
            raise Unreached("timeout") from None
        raise
    if process.returncode:
        raise Unreached(_reason(wrong))
    return out


def _reason(wrong: bytes) -> str:
    """Return the line in which git says why."""
    lines = [one.strip() for one in wrong.decode(errors="replace").splitlines() if one.strip()]
    said = [one for one in lines if one.startswith(("fatal:", "error:", "ssh:", "!"))] or lines
    return said[0][:200] if said else "git failed"
