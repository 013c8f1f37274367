"""What changed between two papers of the same kind, block by block, as a paper of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from jupyter_mlops.locale import tell
from jupyter_mlops.papers.blocks.writing import NONE
from jupyter_mlops.papers.paper import Block, Gap, Heading, Paper, Paragraph, Table, pure

Part = tuple[Heading, list[Block]]


def differences(before: Paper, now: Paper, first: str, second: str) -> Paper:
    """Return the paper that says what of the first is otherwise in the second."""
    parts = {_name(heading): blocks for heading, blocks in _parts(before)}
    blocks: list[Block] = []
    for heading, there in _parts(now):
        found = list(_changed(parts.get(_name(heading), []), there, first, second))
        if found:
            blocks += [Heading(1, heading.number, heading.text, heading.cites), *found]
    if not blocks:
        blocks = [Paragraph(tell("Nothing that these documents tell is different."))]
    return pure(
        Paper(
            language=now.language,
            title=tell("{title}: what changed", title=now.title),
            subtitle=f"{first} → {second}",
            facts=_facts(before, now),
            note=tell(
                "Only what differs is listed. Pictures are left out: the figures that they are drawn"
                " from stand in the tables."
            ),
            blocks=blocks,
            draft=now.draft,
            draft_line=now.draft_line,
            footer=now.footer,
        )
    )


def _facts(before: Paper, now: Paper) -> list[tuple[str, str]]:
    return [
        (name, was if was == is_now else f"{was} → {is_now}")
        for (name, was), (_, is_now) in zip(before.facts, now.facts, strict=True)
    ]


def _parts(paper: Paper) -> Iterator[Part]:
    """Go through the headings of the template with what stands below each; blocks have their own below."""
    part: Part | None = None
    for block in paper.blocks:
        if isinstance(block, Heading) and (block.number or block.cites or block.level < 3):  # noqa: PLR2004
            if part:
                yield part
            part = (block, [])
        elif part:
            part[1].append(block)
    if part:
        yield part


def _name(heading: Heading) -> tuple[str, str]:
    return heading.number, heading.text


def _changed(
    before: Sequence[Block], now: Sequence[Block], first: str, second: str
) -> Iterator[Block]:
    yield from _tables(before, now, first, second)
    was, is_now = (_sentences(blocks) for blocks in (before, now))
    gone = [text for text in was if text not in is_now]
    come = [text for text in is_now if text not in was]
    if gone or come:
        rows = [
            (
                gone[i] if i < len(gone) else NONE,
                come[i] if i < len(come) else NONE,
            )
            for i in range(max(len(gone), len(come)))
        ]
        yield Table("sentences", (first, second), rows)
    yield from _gaps(before, now, first, second)


def _sentences(blocks: Sequence[Block]) -> list[str]:
    return [
        block.text
        for block in blocks
        if isinstance(block, Paragraph) and block.look in ("plain", "note", "code")
    ]


def _tables(
    before: Sequence[Block], now: Sequence[Block], first: str, second: str
) -> Iterator[Block]:
    was = {block.key: block for block in before if isinstance(block, Table)}
    is_now = {block.key: block for block in now if isinstance(block, Table)}
    for key in dict.fromkeys([*is_now, *was]):
        one, other = was.get(key), is_now.get(key)
        rows = list(_rows(one, other))
        if rows:
            shown = other or one
            head = (shown.head[0] if shown else "", first, second)
            yield Table(key, head, rows, title=shown.title if shown else "")


def _rows(one: Table | None, other: Table | None) -> Iterator[tuple[str, str, str]]:
    n = _naming([table for table in (one, other) if table])
    was, is_now = _by_name(one, n), _by_name(other, n)
    for name in dict.fromkeys([*was, *is_now]):
        if was.get(name) != is_now.get(name):
            yield name, was.get(name, NONE), is_now.get(name, NONE)


def _naming(tables: Sequence[Table]) -> int:
    """Return how many cells at the beginning of a row it takes to tell the rows of a table apart."""
    most = max(len(tables[0].head) - 1, 1)
    for n in range(1, most):
        if all(len({tuple(row[:n]) for row in one.rows}) == len(one.rows) for one in tables):
            return n
    return most


def _by_name(table: Table | None, n: int) -> dict[str, str]:
    """Return the rows of a table by their first cells; a second of the same name is told apart."""
    found: dict[str, str] = {}
    for row in table.rows if table else ():
        first = " · ".join(row[:n])
        name, place = first, 2
        while name in found:
            name, place = f"{first} ({place})", place + 1
        found[name] = " · ".join(row[n:])
    return found


def _gaps(
    before: Sequence[Block], now: Sequence[Block], first: str, second: str
) -> Iterator[Block]:
    was = {block.id: block for block in before if isinstance(block, Gap)}
    for block in now:
        old = was.get(block.id) if isinstance(block, Gap) else None
        if isinstance(block, Gap) and old and _said(old) != _said(block):
            rows = [(first, _said(old)), (second, _said(block))]
            yield Table(
                f"gap {block.id}", (tell("version"), tell("answer")), rows, title=block.asks
            )


def _said(gap: Gap) -> str:
    if gap.state == "open":
        return tell("To be written by a person.")
    if gap.state == "carried":
        return f"{gap.answer} ({tell('from {ref}, not confirmed for this version', ref=gap.ref)})"
    return gap.answer
