"""The kinds of words a verb understands, as marks on its signature.

A verb's public signature is its only definition. These marks tell the grammar how a parameter is
typed, completed and carried over HTTP; they mean nothing to Python itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar


@dataclass(frozen=True)
class Kind:
    """Says what a parameter holds; a ``live`` one is a variable here and JSON elsewhere.

    Where one that ``writes`` is said, a verb that only looks leaves something behind, so that it is a POST.
    """

    name: str
    live: bool = False
    writes: bool = False


Model = Annotated[Any, Kind("model", live=True)]
"""A fitted model, a path to one, or the address of one that runs elsewhere."""
Frame = Annotated[Any, Kind("frame", live=True)]
"""A table: pandas, polars, pyarrow, rows as dictionaries, or a path to CSV or Parquet."""
File = Annotated[Any, Kind("file", live=True)]
"""A file that is read where the person is: a path, or its bytes."""
Store = Annotated[Any, Kind("store", live=True)]
"""Another registry that is read where the person is: a folder, a file or a database's address."""
Reference = Annotated[Any, Kind("reference", live=True)]
"""What is compared with: a word for it, or a table."""
Ref = Annotated[str, Kind("ref")]
"""A version: ``name:number``, ``name@alias`` or a digest prefix."""
Refs = Annotated[tuple[str, ...], Kind("ref")]
"""Further versions, one word each."""
ModelName = Annotated[str, Kind("model-name")]
"""The name of a model, registered already or about to be."""
DeploymentName = Annotated[str, Kind("deployment")]
"""The name of a deployment."""
RequestId = Annotated[int, Kind("request")]
"""The number of a request."""
AlertIds = Annotated[Any, Kind("alert")]
"""The numbers of alerts: one, several with commas between, or a list of them."""
Time = Annotated[str, Kind("time")]
"""ISO 8601, or an age such as ``7d`` or ``36h``."""
NewFile = Annotated[str, Kind("new-file", writes=True)]
"""A file that is written where the person is; where there is one already, nothing is."""
Now = Annotated[bool, Kind("now", writes=True)]
"""Whether to leave something behind as well, where the verb otherwise only looks."""
Text = Annotated[str, Kind("text")]
"""Free text; in a notebook it may be the body of the cell."""
Names = Annotated[tuple[str, ...], Kind("names")]
"""Names, typed with commas between."""


@dataclass(frozen=True)
class Word:
    """How a verb behaves: does it change anything, and where may it be said."""

    name: str
    does: Literal["read", "deed"]
    said: Literal["anywhere", "here"]
    prepare: str | None = None
    finish: str | None = None


@dataclass(frozen=True)
class Here:
    """The place a person types in: what is known of notebook and cell, and a progress bar.

    From a ``far`` one the workspace is reached over HTTP, and arguments have to become JSON. ``allowed``
    tells which places inside (``host:port``) the owner of the workspace lets models be asked at.
    """

    origin: Callable[[], dict[str, Any]]
    progress: Callable[[str, float], None]
    far: bool = False
    allowed: Callable[[], frozenset[str]] = frozenset


@dataclass(frozen=True)
class Prepared:
    """Live arguments turned into JSON, and the bytes that JSON points to."""

    arguments: dict[str, Any]
    blobs: tuple[bytes, ...] = ()


_F = TypeVar("_F", bound=Callable[..., Any])


def read(
    *, here: bool = False, name: str = "", prepare: str | None = None, finish: str | None = None
) -> Callable[[_F], _F]:
    """Mark a function as a verb that only looks (GET; POST with rows or to write a file); the rest as for a deed."""
    return _mark("read", here=here, name=name, prepare=prepare, finish=finish)


def deed(
    *, here: bool = False, name: str = "", prepare: str | None = None, finish: str | None = None
) -> Callable[[_F], _F]:
    """Mark a function as a verb that changes something (POST).

    ``prepare`` names (``module:function``, below this package) the half that runs where the person
    is and turns live arguments into JSON and bytes: ``prepare(here, **arguments) -> Prepared``.
    ``finish`` names the half that puts an answer where the person is, such as a written file:
    ``finish(answer, **arguments, fetch=…) -> answer``; ``fetch`` gives the bytes of a file that the
    answer names by its digest, piece by piece.
    """
    return _mark("deed", here=here, name=name, prepare=prepare, finish=finish)


def word_of(function: Callable[..., Any]) -> Word | None:
    """Return the mark of a verb, or None for an ordinary function."""
    word = getattr(function, "__word__", None)
    return word if isinstance(word, Word) else None


def _mark(
    does: Literal["read", "deed"],
    *,
    here: bool,
    name: str,
    prepare: str | None = None,
    finish: str | None = None,
) -> Callable[[_F], _F]:
    def mark(function: _F) -> _F:
        word = Word(
            name=name or function.__name__,
            does=does,
            said="here" if here else "anywhere",
            prepare=prepare,
            finish=finish,
        )
        function.__word__ = word  # type: ignore[attr-defined]
        return function

    return mark
