"""The shapes of what is written down for others: pages, documents, the tour."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

State = Literal["open", "carried", "answered"]
"""Where the answer to a question stands: there is none, or one for an earlier version, or one for this."""


class BlankRow(TypedDict):
    """A question of a document: open, answered, or answered for an earlier version only."""

    id: str
    asks: str
    state: State
    answer: str
    ref: str
    by: str
    at: str


class Document(TypedDict):
    """A document: how complete it is, which questions are open, and where it was written.

    ``files`` are bytes in base64 by name, until they are written where the person is.
    """

    subject: str
    template: str
    title: str
    language: str
    against: str
    blanks: int
    answered: int
    carried: int
    complete: bool
    items: list[BlankRow]
    kept: list[str]
    digest: str
    url: str
    written: str
    files: dict[str, str]


class Page(TypedDict):
    """A page: where it can be seen."""

    name: str
    url: str
    written: NotRequired[str]
    html: NotRequired[str]


class Tour(TypedDict):
    """The files of the tour, and the folder they were put in."""

    name: str
    to: str
    files: dict[str, str]
