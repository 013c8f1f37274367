"""What a kept lineage says, in the reader's language: what it warns of, and what it does not know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any

from jupyter_mlops.domain import lineage as told
from jupyter_mlops.locale import tell

Data = Mapping[str, Any]


def warnings(lineage: Data) -> list[str]:
    """Return what makes it doubtful that the notebook, run from the top, gives this version again."""
    found = told.listed(told.held(lineage, "hidden"), "findings")
    said = list(dict.fromkeys(filter(None, [*map(_finding, found), *_unsaved(found)])))
    if said and told.state(lineage) == "hidden":
        said.append(tell("Restart the kernel and run all cells, then register again."))
    elif said:
        said.append(tell("Save the notebook, then register again."))
    return [*said, *_changed(lineage), *_left_out(lineage)]


def unknown(lineage: Data) -> list[str]:
    """Return what is not known of a version's origin, and what would make it known."""
    return list(_unknown(lineage))


def where(cell: Data) -> str:
    """Return how a cell is called: by its count, else by its id."""
    count, id = told.whole(cell, "execution_count"), told.text(cell, "cell", 80)
    if count is not None:
        return tell("cell [{n}]", n=count)
    return tell("cell {id}", id=id) if id else tell("a cell")


def notebook(lineage: Data) -> str:
    """Return the name of the notebook or script; empty when it is not known."""
    path = told.text(lineage, "notebook") or told.text(lineage, "script")
    return PurePath(path).name


def _finding(found: Data) -> str:
    values = {"cell": _capital(where(found)), "names": _names(found)}
    why = told.text(found, "why")
    sentences = {
        "edited": tell(
            "{cell} was edited after it ran: as saved, it gives other {names}.", **values
        ),
        "deleted": tell("{cell} made {names} and is not in the saved notebook.", **values),
        "repeated": tell("{cell} ran more than once and changed {names} each time.", **values),
        "out of order": tell(
            "{cell} ran after a cell that stands below it: from the top, {names} would come out otherwise.",
            **values,
        ),
        "not run": tell("{cell} never ran, and from the top it would change {names}.", **values),
        "incomplete": tell("Not every cell that this kernel ran was noted."),
        "differs": tell("From the top, {names} would come out otherwise.", **values),
    }
    return sentences.get(why, "")


def _unsaved(found: Sequence[Data]) -> Iterator[str]:
    """Name together the cells that the file does not have yet: while one works they are many."""
    cells = list(dict.fromkeys(where(one) for one in found if told.text(one, "why") == "unsaved"))
    if cells:
        shown = ", ".join(cells[:4]) + (", …" if len(cells) > 4 else "")  # noqa: PLR2004
        yield tell("Not in the notebook as it was last saved: {cells}.", cells=shown)


def _names(found: Data) -> str:
    names = [str(one)[:40] for one in found.get("names") or () if isinstance(one, str)]
    shown = ", ".join(names[:4])
    return f"{shown}, …" if len(names) > 4 else shown or tell("values")  # noqa: PLR2004


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _changed(lineage: Data) -> Iterator[str]:
    for name in _sources_that(lineage, lambda one: one.get("changed") is True):
        yield tell("{file} was changed after it was read.", file=name)


def _left_out(lineage: Data) -> Iterator[str]:
    if lineage.get("redacted") is True:
        yield tell("What looks like a secret was left out of the kept cells.")


def _sources_that(lineage: Data, wanted: Any) -> list[str]:
    found = [
        PurePath(told.text(one, "said") or told.text(one, "written")).name
        for part in ("train", "holdout")
        for one in told.listed(told.held(told.held(lineage, "frames"), part), "sources")
        if wanted(one)
    ]
    return list(dict.fromkeys(found))


def _unknown(lineage: Data) -> Iterator[str]:
    if not told.cells(lineage):
        yield tell("Which code made it: it was registered outside a notebook and a script.")
    elif not notebook(lineage):
        yield tell("Which notebook: this front end does not say; MLOPS_NOTEBOOK names its path.")
    elif _is_unread(lineage):
        yield tell("Whether a run from the top gives it: the notebook's file cannot be read.")
    if told.text(lineage, "script"):
        yield tell("Which cells: it was registered by a script, which is kept whole.")
    yield from _unknown_data(lineage)
    if not told.held(lineage, "git"):
        yield tell("Which commit: the code is in no git repository.")


def _is_unread(lineage: Data) -> bool:
    is_unknown = told.text(lineage, "notebook") != "" and told.state(lineage) == "unknown"
    return is_unknown and not told.listed(told.held(lineage, "hidden"), "findings")


def _unknown_data(lineage: Data) -> Iterator[str]:
    parts = told.held(lineage, "frames")
    for part in told.held(lineage, "data"):
        if not told.listed(told.held(parts, part), "sources"):
            word = tell("training data") if part == "train" else tell("holdout")
            yield tell("What the {data} was read from: its cells do not tell.", data=word)
