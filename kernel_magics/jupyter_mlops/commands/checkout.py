"""A file where it stands, or as it was committed, with what is known of its repository."""

from __future__ import annotations

import contextlib
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from jupyter_mlops.errors import NotFound
from jupyter_mlops.services import repository

GIT_SECONDS: Final = 60
_COMMIT: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./~^@{}-]{0,199}")


@dataclass(frozen=True)
class Source:
    """A file, where it stands, and what is known of its repository."""

    path: Path
    shown: str
    commit: str
    dirty: bool


@contextlib.contextmanager
def opened(file: str, commit: str) -> Iterator[Source]:
    """Open a file where it stands, or as it was at a commit, in a tree of its own that goes again."""
    path = Path(file).expanduser().resolve()
    if not commit:
        head = _git(path.parent, "rev-parse", "HEAD")
        changed = _git(path.parent, "status", "--porcelain", "--untracked-files=normal")
        yield Source(path, file, head or "", bool(head and changed))
        return
    root = _git(path.parent, "rev-parse", "--show-toplevel")
    found = _COMMIT.fullmatch(commit) and root
    told = (
        _git(path.parent, "rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}")
        if found
        else None
    )
    if not root or not told:
        raise NotFound(
            "There is no commit {commit} where {file} stands.",
            "`git log --oneline` lists them.",
            code="commit_not_found",
            commit=commit[:100],
            file=file,
        )
    with tempfile.TemporaryDirectory(prefix="jupyter-mlops-") as place:
        tree = Path(place) / "tree"
        _git(Path(root), "worktree", "add", "--detach", "--quiet", str(tree), told)
        try:
            yield Source(tree / path.relative_to(root), file, told, dirty=False)
        finally:
            _git(Path(root), "worktree", "remove", "--force", str(tree))


def _git(folder: Path, *words: str) -> str | None:
    return repository.asked(folder, *words, seconds=GIT_SECONDS)
