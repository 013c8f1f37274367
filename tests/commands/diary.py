"""A few small verbs of our own, to try the machinery on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, TypedDict

from jupyter_mlops.domain.arguments import (
    DeploymentName,
    Frame,
    Names,
    NewFile,
    Ref,
    RequestId,
    Text,
    deed,
    read,
)
from jupyter_mlops.errors import NotFound


class Note(TypedDict):
    """A note that was written."""

    id: int
    ref: str
    text: str


class Notes(TypedDict):
    """The notes that match."""

    items: list[Note]


@dataclass
class Diary:
    """A workspace as small as can be."""

    notes: list[Any] = field(default_factory=list)
    actor: Any = None
    artifacts: Any = None
    engine: Any = None


@deed()
def note(
    ws: Diary,
    text: Text,
    *,
    for_deployment: DeploymentName = "none",
    mood: Literal["calm", "tense"] = "calm",
    tags: Names = (),
    times: int = 1,
    weight: float | None = None,
    figures: dict[str, float] | None = None,
    loud: bool = False,
) -> Note:
    """Write a note into the diary.

    Longer words about it.
    """
    said = [for_deployment, mood, tags, times, weight, figures, loud]
    ws.notes.append([text, *said])
    return Note(id=len(ws.notes), ref=f"note:{len(ws.notes)}", text=text)


@read()
def notes(ws: Diary, query: str = "") -> Notes:
    """Find notes."""
    found = [said[0] for said in ws.notes if query in said[0]]
    return Notes(
        items=[Note(id=at, ref=f"note:{at}", text=text) for at, text in enumerate(found, start=1)]
    )


@read()
def pages(ws: Diary, *, to: NewFile = "") -> Note:
    """Count the notes, or write how many there are."""
    if to:
        ws.notes.append([to])
    return Note(id=len(ws.notes), ref="", text=to)


@deed(prepare="services.scoring:prepare_rows")
def keep(ws: Diary, rows: Frame, *, name: str) -> Note:
    """Keep some rows."""
    return Note(id=0, ref="rows:1", text=f"{name}: {rows}")


@deed()
def erase(ws: Diary, request: RequestId, *, with_ref: Ref = "") -> Note:
    """Erase a note.

    Raises:
        NotFound: there is none.
    """
    if request > len(ws.notes):
        raise NotFound(
            "There is no note {id}.", "notes lists them.", code="note_not_found", id=request
        )
    return Note(id=request, ref=with_ref, text="")


@read(here=True)
def whisper(ws: Diary) -> Notes:
    """Say something that must not leave this place."""
    return notes(ws)
