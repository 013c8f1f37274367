"""A template and what is known make a paper: every figure computed, every question marked and counted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files
from typing import Final

from jupyter_mlops.domain.documents import (
    Blank,
    Computed,
    Section,
    Template,
    read_template,
    said,
)
from jupyter_mlops.errors import NotFound, did_you_mean
from jupyter_mlops.locale import current_language, tell
from jupyter_mlops.papers.blocks import BLOCKS
from jupyter_mlops.papers.blocks.machine import front
from jupyter_mlops.papers.blocks.writing import moment, person
from jupyter_mlops.papers.known import Known
from jupyter_mlops.papers.paper import Block, Gap, Heading, Paper, Paragraph, pure
from jupyter_mlops.services.documents import read_yaml

TEMPLATES: Final = ("annex-iv", "model-risk", "data-protection", "deployment-report")
CARD: Final = "card"


def template(named: str) -> Template:
    """Return the template of that name, or the one that is written out.

    Raises:
        NotFound: there is none of that name.
        Invalid: what is written out is none.
    """
    if "\n" in named:
        told = read_yaml(named, "template")
        return read_template(told)
    if named in (*TEMPLATES, CARD):
        return ours(named)
    meant = did_you_mean(named, TEMPLATES)
    raise NotFound(
        "There is no template {name}.",
        "Did you mean {meant}?" if meant else "there are {known}; a file of yours ends in .yaml.",
        code="template_not_found",
        name=named,
        meant=meant,
        known=", ".join(TEMPLATES),
    )


@cache
def ours(name: str) -> Template:
    """Return a template that comes with the package."""
    file = files("jupyter_mlops.papers").joinpath(f"templates/documents/{name}.yaml")
    text = file.read_text("utf-8")
    return read_template(read_yaml(text, "template"))


def drafted(found: Template, known: Known) -> Paper:
    """Return the paper, in the reader's language."""
    language = current_language()
    gaps = {blank.id: gap(blank, known, language) for blank in found.blanks()}
    blocks = list(_written(found.sections, known, gaps, level=1))
    open_ = sum(one.state != "answered" for one in gaps.values())
    return pure(
        Paper(
            language=language,
            title=said(found.title, language),
            subtitle=known.subject.shown,
            facts=_facts(found, known, language),
            note=said(found.note, language),
            blocks=blocks,
            draft=tell("DRAFT") if open_ else "",
            draft_line=_draft_line(list(gaps.values())),
            meter=_meter(list(gaps.values())),
            footer=tell(
                "{subject} · state of the records: {at}",
                subject=known.subject.shown,
                at=moment(known.at),
            ),
            front=front(known) if found.name == CARD else {},
        )
    )


def gap(blank: Blank, known: Known, language: str) -> Gap:
    """Return a question with its answer, as far as there is one."""
    asks, found = said(blank.asks, language), known.answers.get(blank.id)
    if found is None:
        return Gap(blank.id, asks, "open")
    ref = f"{known.subject.name}:{found.number}"
    return Gap(blank.id, asks, found.state, found.text, ref, person(found.by), moment(found.at))


def _written(
    sections: Sequence[Section], known: Known, gaps: dict[str, Gap], *, level: int
) -> Iterator[Block]:
    language = current_language()
    for section in sections:
        heading, cites = said(section.heading, language), said(section.cites, language)
        yield Heading(level, section.number, heading, cites)
        if section.guidance:
            yield Paragraph(said(section.guidance, language), "guidance")
        for part in section.parts:
            if isinstance(part, Blank):
                yield gaps[part.id]
            elif isinstance(part, Computed):
                yield from BLOCKS[part.block](known)
            else:
                yield Paragraph(said(part.text, language))
        yield from _written(section.sections, known, gaps, level=level + 1)


def _facts(found: Template, known: Known, language: str) -> list[tuple[str, str]]:
    facts = [(tell("about"), known.subject.shown)]
    if known.subject.deployment:
        facts.append((tell("version"), known.subject.ref))
    facts.append((tell("digest of the version"), known.version["digest"]))
    if source := said(found.source, language):
        facts.append((tell("follows"), source))
    facts += [
        (tell("template"), found.name),
        (tell("state of the records"), moment(known.at)),
    ]
    return facts


def _draft_line(gaps: Sequence[Gap]) -> str:
    open_, carried = _count(gaps, "open"), _count(gaps, "carried")
    if open_ and carried:
        return tell(
            "This is a draft. Open questions: {open}; answers of an earlier version that nobody"
            " confirmed: {carried}.",
            open=open_,
            carried=carried,
        )
    if open_:
        return tell("This is a draft. Open questions: {open}.", open=open_)
    if carried:
        return tell(
            "This is a draft. Answers of an earlier version that nobody confirmed: {carried}.",
            carried=carried,
        )
    return ""


def _meter(gaps: Sequence[Gap]) -> str:
    if not gaps:
        return tell("Every figure is computed; no question is left to a person.")
    return tell("{n} of {all} questions answered", n=_count(gaps, "answered"), all=len(gaps))


def _count(gaps: Sequence[Gap], state: str) -> int:
    return sum(one.state == state for one in gaps)
