"""What a document is made of, and which questions in it a person has to answer.

A template is data: sections with headings, what their source asks for, figures that are computed, and
blanks, which are questions with a name. No part of it is ever run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from jupyter_mlops.errors import Invalid, did_you_mean

About = Literal["version", "deployment"]
Said = Mapping[str, str]
"""A text by language; one in a single language counts for all."""

LANGUAGES: Final = ("en", "ja")
LONGEST: Final = 4_000
"""Characters of one text of a template."""
LONGEST_ANSWER: Final = 20_000
MOST_PARTS: Final = 500
DEEPEST: Final = 3
_ID: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
_JOINED: Final = re.compile(r"(?<=[\u3000-\u9fff\uff00-\uffef]) (?=[\u3000-\u9fff\uff00-\uffef])")
"""The blank that joins two lines of YAML, which Japanese has no use for."""

BLOCKS: Final = (
    "about", "alerts", "audit", "changes", "checks", "code", "data", "decisions", "deployments",
    "environment", "fairness", "features", "importance", "instructions", "limits", "metadata",
    "metrics", "monitoring", "parameters", "policy", "privacy", "rules", "slices", "terms",
)  # fmt: skip
"""What can be computed, by name."""

_TEMPLATE: Final = ("name", "about", "title", "source", "note", "sections")
_SECTION: Final = ("number", "heading", "cites", "guidance", "parts", "sections")
_PARTS: Final = ("block", "blank", "asks", "text")


class Lined(dict[str, Any]):
    """A mapping that knows in which line each of its keys was written."""

    def __init__(self, told: Mapping[str, Any], lines: Mapping[str, int]) -> None:
        super().__init__(told)
        self.lines = dict(lines)


@dataclass(frozen=True)
class Computed:
    """A part that is computed from what is known."""

    block: str


@dataclass(frozen=True)
class Blank:
    """A question that a person has to answer."""

    id: str
    asks: Said


@dataclass(frozen=True)
class Words:
    """A paragraph that says the same for every subject."""

    text: Said


Part = Computed | Blank | Words


@dataclass(frozen=True)
class Section:
    """A heading, its number and source, what that asks for, and what is said about it."""

    number: str
    heading: Said
    cites: Said
    guidance: Said
    parts: Sequence[Part]
    sections: Sequence[Section]


@dataclass(frozen=True)
class Template:
    """A kind of document."""

    name: str
    about: About
    title: Said
    source: Said
    note: Said
    sections: Sequence[Section]

    def blanks(self) -> Iterator[Blank]:
        """Go through the questions, each once, in the order they are asked."""
        seen: dict[str, Blank] = {}
        for part in _parts_of(self.sections):
            if isinstance(part, Blank):
                seen.setdefault(part.id, part)
        yield from seen.values()


def said(text: Said, language: str) -> str:
    """Return a text in a language, else in English, else in whatever language there is."""
    return text.get(language) or text.get("en") or next(iter(text.values()), "")


def read_template(told: Any) -> Template:
    """Return a template as somebody wrote it, every part checked.

    Raises:
        Invalid: it is none; the message says where.
    """
    whole = _mapping(told, "the template", _TEMPLATE, 1)
    if not _ID.fullmatch(str(whole.get("name", ""))):
        raise _not_one(whole, "name", "name: has to be a short name in small letters")
    about = whole.get("about", "version")
    if about not in ("version", "deployment"):
        raise _not_one(whole, "about", "about: is version or deployment")
    found = Template(
        name=str(whole["name"]),
        about=about,
        title=_text(whole, "title", needed=True),
        source=_text(whole, "source"),
        note=_text(whole, "note"),
        sections=_sections(whole, depth=1),
    )
    if not found.sections:
        raise _not_one(whole, "sections", "sections: holds at least one section")
    if sum(1 for _ in _parts_of(found.sections)) > MOST_PARTS:
        raise _not_one(whole, "sections", f"it has more than {MOST_PARTS} parts")
    _check_asked_alike(whole, found)
    return found


def check_answer(id: str, text: object) -> str:
    """Return what a person wrote, or say why it cannot be kept."""
    if not isinstance(text, str | int | float) or isinstance(text, bool):
        raise _not_answers(id, "it is no text; put it between quotes, or below `|`")
    answer = str(text).strip()
    if not answer:
        raise _not_answers(id, "it is empty")
    if "\0" in answer or any(0xD800 <= ord(c) <= 0xDFFF for c in answer):  # noqa: PLR2004
        raise _not_answers(id, "it holds a character that no document can hold")
    if len(answer) > LONGEST_ANSWER:
        raise _not_answers(id, f"it is longer than {LONGEST_ANSWER} characters")
    return answer


def check_known(ids: Sequence[str], template: Template) -> None:
    """Refuse names of questions that the template does not ask."""
    known = [blank.id for blank in template.blanks()]
    for id in ids:
        if id not in known:
            meant = did_you_mean(id, known)
            raise Invalid(
                "{template} asks no question {id}.",
                "did you mean {meant}?" if meant else "its questions are: {known}.",
                code="blank_unknown",
                template=template.name,
                id=id,
                meant=meant,
                known=", ".join(known),
            )


def _sections(told: Mapping[str, Any], *, depth: int) -> tuple[Section, ...]:
    listed = told.get("sections", [])
    if not isinstance(listed, list):
        raise _not_one(told, "sections", "sections: is a list")
    if listed and depth > DEEPEST:
        raise _not_one(told, "sections", f"sections are at most {DEEPEST} deep")
    return tuple(_section(one, told, depth) for one in listed)


def _section(told: Any, above: Mapping[str, Any], depth: int) -> Section:
    found = _mapping(told, "a section", _SECTION, _line(above, "sections"))
    parts = found.get("parts", [])
    if not isinstance(parts, list):
        raise _not_one(found, "parts", "parts: is a list")
    number = found.get("number", "")
    if not isinstance(number, str | int) or len(str(number)) > 20:  # noqa: PLR2004
        raise _not_one(found, "number", "number: is a short text")
    return Section(
        number=str(number),
        heading=_text(found, "heading", needed=True),
        cites=_text(found, "cites"),
        guidance=_text(found, "guidance"),
        parts=tuple(_part(one, found) for one in parts),
        sections=_sections(found, depth=depth + 1),
    )


def _part(told: Any, above: Mapping[str, Any]) -> Part:
    found = _mapping(told, "a part", _PARTS, _line(above, "parts"))
    kinds = [kind for kind in ("block", "blank", "text") if kind in found]
    if len(kinds) != 1:
        raise _not_one(found, "", "a part is one of block:, blank: and text:")
    if "asks" in found and kinds != ["blank"]:
        raise _not_one(found, "asks", "asks: belongs to blank:")
    if kinds == ["text"]:
        return Words(_text(found, "text", needed=True))
    if kinds == ["blank"]:
        id = found["blank"]
        if not isinstance(id, str) or not _ID.fullmatch(id):
            raise _not_one(found, "blank", "blank: is a short name in small letters")
        return Blank(id, _text(found, "asks", needed=True))
    block = found["block"]
    if block not in BLOCKS:
        raise _not_one(
            found, "block", f"{block} is nothing that is computed", did_you_mean(str(block), BLOCKS)
        )
    return Computed(block)


def _check_asked_alike(whole: Mapping[str, Any], found: Template) -> None:
    asked: dict[str, Said] = {}
    for part in _parts_of(found.sections):
        if isinstance(part, Blank) and asked.setdefault(part.id, part.asks) != part.asks:
            raise _not_one(whole, "sections", f"blank {part.id} asks two different questions")


def _parts_of(sections: Sequence[Section]) -> Iterator[Part]:
    for section in sections:
        yield from section.parts
        yield from _parts_of(section.sections)


def _text(told: Mapping[str, Any], key: str, *, needed: bool = False) -> Said:
    value = told.get(key, "")
    by_language = {"en": value} if isinstance(value, str) else value
    if not isinstance(by_language, Mapping) or not by_language.keys() <= set(LANGUAGES):
        raise _not_one(told, key, f"{key}: is a text, or one for each of {', '.join(LANGUAGES)}")
    for text in by_language.values():
        if not isinstance(text, str) or "\0" in text or len(text) > LONGEST:
            raise _not_one(told, key, f"{key}: is a text of at most {LONGEST} characters")
    if needed and not any(text.strip() for text in by_language.values()):
        raise _not_one(told, key, f"{key}: is missing")
    return {
        language: _JOINED.sub("", text.strip())
        for language, text in by_language.items()
        if text.strip()
    }


def _mapping(told: Any, what: str, keys: Sequence[str], line: int) -> Mapping[str, Any]:
    if not isinstance(told, Mapping):
        raise _not_one(Lined({}, {"": line}), "", f"{what} is a mapping of {', '.join(keys)}")
    for key in told:
        if key not in keys:
            raise _not_one(
                told, key, f"{key}: is nothing that {what} has", did_you_mean(str(key), keys)
            )
    return told


def _line(told: Mapping[str, Any], key: str) -> int:
    lines = told.lines if isinstance(told, Lined) else {}
    return lines.get(key) or min(lines.values(), default=1)


def _not_one(told: Mapping[str, Any], key: str, why: str, meant: str = "") -> Invalid:
    return Invalid(
        "This is not a template: line {line}: {why}.",
        "did you mean {meant}?" if meant else "docs/documents.md shows what one looks like.",
        code="template_invalid",
        line=_line(told, key),
        why=why,
        meant=meant,
    )


def _not_answers(id: str, why: str) -> Invalid:
    return Invalid(
        "The answer to {id} cannot be kept: {why}.",
        "write one line per answer, `{id}: what you have to say`.",
        code="answer_invalid",
        id=id,
        why=why,
    )
