"""A paper as Markdown: what people and callers wrote stays text, whatever it looks like."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from jupyter_mlops.locale import tell
from jupyter_mlops.papers.paper import Block, Gap, Heading, Paper, Paragraph, Picture, Table
from jupyter_mlops.papers.webpage import unsure, who

_MARKS: Final = {
    **{sign: "\\" + sign for sign in "`*_[]|#~"},
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    "\\": "&#92;",
    "$": "&#36;",
    "^": "&#94;",
}
_LINKS: Final = re.compile(r"://|www\.|@", re.IGNORECASE)
_LINK_MARKS: Final = {"://": "&#58;//", "@": "&#64;"}
_BEGINS: Final = re.compile(r"^(\s*)([-+=:]|\d+[.)])", re.MULTILINE)
_TICKS: Final = re.compile(r"`+")


def written(paper: Paper, names: dict[str, str]) -> str:
    """Return the paper; ``names`` has the file of each picture."""
    parts = [*_head(paper)]
    for block in paper.blocks:
        parts += _block(block, names)
    if paper.footer:
        parts += ["---", escaped(paper.footer)]
    front = _front(paper)
    return front + "\n\n".join(part for part in parts if part) + "\n"


def escaped(text: str) -> str:
    """Return a text of which no character means anything to Markdown, HTML or mathematics."""
    return _BEGINS.sub(lambda found: found[1] + _entity(found[2]), inline(text))


def inline(text: str) -> str:
    """Return the same for a text that does not begin a line."""
    plain = "".join(_MARKS.get(sign, sign) for sign in text)
    return _LINKS.sub(lambda found: _LINK_MARKS.get(found[0], found[0][:-1] + "&#46;"), plain)


def _front(paper: Paper) -> str:
    if not paper.front:
        return ""
    import yaml

    told = yaml.safe_dump(_plain(paper.front), sort_keys=False, allow_unicode=True, width=100)
    return f"---\n{told}---\n\n"


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value


def _head(paper: Paper) -> Iterator[str]:
    yield f"# {_line(paper.title)}: {_line(paper.subtitle)}"
    if paper.draft:
        yield f"> **{_line(paper.draft)}** – {_line(paper.draft_line)}"
    yield "\n".join(f"- {_line(name)}: {_line(value)}" for name, value in paper.facts)
    if paper.meter:
        yield f"**{_line(paper.meter)}**"
    if paper.note:
        yield _quoted(paper.note)


def _block(block: Block, names: dict[str, str]) -> Iterator[str]:
    if isinstance(block, Heading):
        number = f"{_line(block.number)} " if block.number else ""
        yield f"{'#' * (block.level + 1)} {number}{_line(block.text)}"
        if block.cites:
            yield f"*{_line(block.cites)}*"
    elif isinstance(block, Paragraph):
        yield _paragraph(block)
    elif isinstance(block, Table):
        yield _table(block)
    elif isinstance(block, Picture):
        yield f"**{_line(block.asks)}** {_line(block.says)}".strip()
        yield f"![{_line(block.asks)}](<{names[block.key]}>)"
    else:
        yield _gap(block)


def _paragraph(block: Paragraph) -> str:
    if block.look == "code":
        longest = max((len(found[0]) for found in _TICKS.finditer(block.text)), default=0)
        fence = "`" * max(3, longest + 1)
        return f"{fence}\n{block.text}\n{fence}"
    if block.look == "guidance":
        return _quoted(block.text)
    text = escaped(block.text).replace("\n", "\\\n")
    return f"*{text}*" if block.look == "note" and "\n" not in text else text


def _gap(block: Gap) -> str:
    asked = f"**{_line(block.asks)}** `{block.id}`"
    if block.state == "open":
        return f"> ☐ {asked}\n>\n> **{tell('To be written by a person.')}**"
    told = who(block)
    if block.state == "carried":
        told = f"{unsure(block)} · {told}"
    sign = "☑" if block.state == "answered" else "◩"
    return f"> {sign} {asked}\n>\n{_quoted(block.answer)}\n>\n> *{_line(told)}*"


def _table(block: Table) -> str:
    rule = ["---:" if i in block.right else "---" for i in range(len(block.head))]
    lines = [_row(block.head), _bars(rule), *map(_row, block.rows)]
    title = f"**{_line(block.title)}**\n\n" if block.title else ""
    return title + "\n".join(lines)


def _row(cells: Sequence[str]) -> str:
    return _bars([inline(cell).replace("\n", "<br>") for cell in cells])


def _bars(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _quoted(text: str) -> str:
    return "\n".join(
        f"> {line}".rstrip() for line in escaped(text).replace("\n", "\\\n").split("\n")
    )


def _line(text: str) -> str:
    return inline(" ".join(text.split()))


def _entity(text: str) -> str:
    return "".join(f"&#{ord(sign)};" if not sign.isdigit() else sign for sign in text)
