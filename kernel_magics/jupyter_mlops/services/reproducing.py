"""Training a version again: its cells and its environment written down, and run when somebody asks."""

from __future__ import annotations

import hashlib
from pathlib import Path, PurePath
from typing import Any, Final

from jupyter_mlops.domain import lineage as told
from jupyter_mlops.domain import recipes
from jupyter_mlops.domain.arguments import Ref, deed
from jupyter_mlops.domain.lineage import Reproduced
from jupyter_mlops.errors import Conflict, Invalid, Refused
from jupyter_mlops.locale import tell
from jupyter_mlops.services import lookup, rerunning, retold
from jupyter_mlops.services.workspace import Workspace

NOTEBOOK: Final = "reproduce.ipynb"
LOCK: Final = "requirements.lock"
SECONDS: Final = 1800


@deed(finish="services.reproducing:finish")
def reproduce(
    ws: Workspace,
    ref: Ref,
    *,
    to: str,  # noqa: ARG001  (read where the files are written, by the other half)
    run: bool = False,  # noqa: ARG001  (as above)
    seconds: int = SECONDS,  # noqa: ARG001  (as above)
) -> Reproduced:
    """Write a notebook and a lock file that train a version again, and say whether it comes out the same.

    The notebook has the cells that had a part, in the order they really ran; the lock file what was
    installed. Both are written to the folder `to`, where you are. `--run` executes the notebook there in
    a fresh kernel, for at most `seconds`, against a workspace of its own: nothing is registered in yours,
    whatever its cells say. Then each metric is the same, within its interval, or different.
    """
    with ws.act("version:reproduction", subject=f"version:{ref}") as act:
        parent, version = lookup.version(act.session, ref)
        name = f"{parent.name}:{version.number}"
        cells = told.cells(version.lineage)
        if not cells:
            raise Refused(
                "Which code made {ref} is not known.",
                "register it from a notebook or a script: its cells are kept then.",
                code="code_unknown",
                ref=name,
            )
        book = recipes.notebook(cells, ref=name, digest=version.digest)
        locked, refused = _locked(version.lineage, name)
        act.outcome, act.subject = "written", f"version:{name}"
        act.after = {"notebook": _digest(book), "lock": _digest(locked)}
    return Reproduced(
        ref=name,
        because=tell("What trains {ref} again is at hand.", ref=name),
        outcome="written",
        warnings=[*_doubts(cells, refused), *retold.warnings(version.lineage)],
        files={NOTEBOOK: book, LOCK: locked},
        to="",
        items=[],
        expected={
            "name": parent.name,
            "digest": version.digest,
            "artifact": _artifact(version.manifest),
            "metrics": version.metrics,
            "folder": _folder(version.lineage),
        },
    )


def finish(
    answer: Reproduced, *, to: str, run: bool = False, seconds: int = SECONDS, **_: Any
) -> Reproduced:
    """Write the files where the person is, and run the notebook there when that was asked for."""
    if not 1 <= seconds <= 7 * 86_400:
        raise Invalid(
            "A run takes between 1 second and 7 days, not {seconds} s.",
            "--seconds 1800 is half an hour.",
            code="seconds_invalid",
            seconds=seconds,
        )
    folder = Path(to).expanduser().absolute()
    for name, text in answer["files"].items():
        _lay(folder / PurePath(name).name, text)
    written: Reproduced = {
        **answer,
        "because": tell(
            "✓ {ref}: notebook and lock file are in {folder}; --run trains it again.",
            ref=answer["ref"],
            folder=folder,
        ),
        "files": {name: str(folder / PurePath(name).name) for name in answer["files"]},
        "to": str(folder),
    }
    return rerunning.rerun(written, folder / NOTEBOOK, seconds) if run else written


def _locked(lineage: dict[str, Any], ref: str) -> tuple[str, list[str]]:
    found = told.held(lineage, "distributions") or told.held(lineage, "packages")
    return recipes.lock(found, ref=ref, python=told.text(lineage, "python", 40))


def _doubts(cells: list[told.LineageCell], refused: list[str]) -> list[str]:
    said = []
    if recipes.lacks(cells):
        said.append(tell("A cell was kept without its secret, or not whole: complete it first."))
    if refused:
        said.append(tell("{n} entries of the environment are no requirements.", n=len(refused)))
    return said


def _artifact(manifest: str) -> str:
    import json

    return str(json.loads(manifest)["artifact"])


def _folder(lineage: dict[str, Any]) -> str:
    path = told.text(lineage, "notebook", 4096) or told.text(lineage, "script", 4096)
    return str(PurePath(path).parent) if path else ""


def _digest(text: str) -> str:
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def _lay(path: Path, text: str) -> None:
    try:
        if path.exists() and path.read_text("utf-8") != text:
            raise Conflict(
                "{path} is there already and differs.",
                "choose another folder: --to another-folder.",
                code="file_in_the_way",
                path=path,
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    except (OSError, UnicodeError) as error:
        raise Invalid(
            "{path} cannot be written: {reason}.",
            "name a folder that is yours: --to FOLDER.",
            code="file_not_writable",
            path=path,
            reason=getattr(error, "strerror", None) or error,
        ) from None
