"""What git says of the code, without asking anybody, without waiting long, and without running hooks."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from pathlib import Path
from typing import Any, Final

from jupyter_mlops.domain.redacted import redacted, without_login

SECONDS: Final = 5.0
"""All questions together; a repository that takes longer is not known."""
LARGEST_DIFF: Final = 100_000
MOST_FILES: Final = 100
_CODE: Final = ("*.py", "*.sql", "*.R", "*.jl", "*.sh", "*.toml", "*.yaml", "*.yml", "*.cfg", "requirements*.txt")  # fmt: skip
"""What is shown of changes: code. Notebooks and data hold outputs and rows, which may be personal."""
_QUIET: Final = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null")


def told(folder: Path, notebook: Path | None = None) -> dict[str, Any] | None:
    """Return commit, branch, remote and what was changed since; None outside a repository.

    Logins are taken out of the remote's address, obvious secrets out of the changes.
    """
    deadline = time.monotonic() + SECONDS
    status = _asked(
        folder, deadline, "status", "--porcelain=v2", "--branch", "--untracked-files=no"
    )
    if status is None:
        return None
    lines = status.splitlines()
    head = {w[1]: w[2] for w in (line.split() for line in lines) if w[0] == "#" and len(w) > 2}  # noqa: PLR2004
    files = [line.split(" ", 8)[-1] for line in lines if not line.startswith("#")]
    commit = head.get("branch.oid")
    diff = _asked(folder, deadline, "diff", *_NO_TOOLS, "HEAD", "--", *_CODE) if files else ""
    remote = _asked(folder, deadline, "config", "--get", "remote.origin.url")
    found = {
        "commit": commit if commit != "(initial)" else None,
        "branch": head.get("branch.head"),
        "dirty": bool(files),
        "changed": [name[:500] for name in files[:MOST_FILES]],
        "diff": redacted(diff or "")[:LARGEST_DIFF] or None,
        "diff_cut": len(diff or "") > LARGEST_DIFF,
        "remote": without_login(remote.strip()) if remote else None,
        "path": _path(folder, deadline, notebook),
    }
    return {name: value for name, value in found.items() if value is not None}


def asked(folder: Path, *words: str, seconds: float = SECONDS) -> str | None:
    """Return what git says to some words; None where it refuses, or takes too long."""
    found = _asked(folder, time.monotonic() + seconds, *words)
    return None if found is None else found.strip()


_NO_TOOLS: Final = ("--no-ext-diff", "--no-textconv", "--no-color")


def _path(folder: Path, deadline: float, notebook: Path | None) -> str | None:
    """Return where the repository has the notebook; None when it does not have it."""
    if notebook is None:
        return None
    found = _asked(folder, deadline, "ls-files", "--full-name", "--", str(notebook))
    return found.strip() or None if found else None


def _asked(folder: Path, deadline: float, *words: str) -> str | None:
    """Ask git; of an answer without end, only its beginning is read."""
    quiet = {
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_ASKPASS": "",
        "LC_ALL": "C",
    }
    left = deadline - time.monotonic()
    if left <= 0:
        return None
    try:
        process = subprocess.Popen(
            ["git", "-C", str(folder), *_QUIET, *words],  # noqa: S607  (the person's own git)
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **quiet},
        )
    except (OSError, ValueError):
        return None
    with process:
        timer = threading.Timer(left, process.kill)
        timer.start()
        try:
            data = process.stdout.read(4 * LARGEST_DIFF) if process.stdout else b""
            is_cut = len(data) == 4 * LARGEST_DIFF
            if is_cut:
                process.kill()
            code = process.wait()
        finally:
            timer.cancel()
    return data.decode("utf-8", "replace") if code == 0 or is_cut else None
