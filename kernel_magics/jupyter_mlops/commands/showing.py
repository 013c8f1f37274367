"""An answer as text and as HTML: a sentence, a small table, the rest folded."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from html import escape
from typing import Any, Final

from jupyter_mlops.commands import compared, governing, proved, requested, traced
from jupyter_mlops.commands.tables import Cell, Table, table_of
from jupyter_mlops.commands.telling import sentence
from jupyter_mlops.locale import tell

_WIDEST: Final = 60
_LONGEST: Final = 20_000

_STYLE: Final = """\
<style>
.jp-mlops{font-size:14px;line-height:1.5;color:var(--jp-content-font-color1,inherit)}
.jp-mlops p{margin:0 0 8px;max-width:75ch}
.jp-mlops table{border-collapse:collapse;margin:0 0 8px;font-variant-numeric:tabular-nums}
.jp-mlops.jp-mlops th,.jp-mlops.jp-mlops td{text-align:left;padding:4px 12px 4px 0;background:none;\
max-width:44ch;overflow-wrap:break-word;border-bottom:1px solid var(--jp-border-color2,#d1d5db)}
.jp-mlops.jp-mlops th{font-weight:600;white-space:nowrap;color:var(--jp-content-font-color2,#6b7280)}
.jp-mlops.jp-mlops .number{text-align:right}
.jp-mlops .whole,.jp-mlops .time,.jp-mlops td:is(.passing,.warning,.failing,.unknown){white-space:nowrap}
.jp-mlops .chip{font-family:var(--jp-code-font-family,monospace)}
.jp-mlops .passing{color:#0f766e}.jp-mlops .warning{color:#b45309}
.jp-mlops .failing{color:#b91c1c}.jp-mlops .unknown{color:#6b7280}
[data-jp-theme-light=false] .jp-mlops .passing{color:#2dd4bf}
[data-jp-theme-light=false] .jp-mlops .warning{color:#fbbf24}
[data-jp-theme-light=false] .jp-mlops .failing{color:#f87171}
[data-jp-theme-light=false] .jp-mlops .unknown{color:#9ca3af}
.jp-mlops pre{white-space:pre-wrap;margin:4px 0}
</style>"""


def as_text(verb: str, data: Mapping[str, Any]) -> str:
    """Return the answer for a terminal; control characters of a hostile name stay out."""
    lines = [printable(sentence(verb, data))]
    for table in _tables(verb, data):
        lines += ["", *_text_table(table)]
    if changed := _changed(verb, data):
        lines += ["", *map(printable, changed)]
    if proposal := data.get("proposal"):
        lines += ["", *map(printable, str(proposal).splitlines())]
    return "\n".join(lines)


def as_html(verb: str, data: Mapping[str, Any]) -> str:
    """Return the answer for a notebook; every value is escaped."""
    parts = [_STYLE, '<div class="jp-mlops">', f"<p>{escape(sentence(verb, data))}</p>"]
    parts += map(_html_table, _tables(verb, data))
    if changed := _changed(verb, data):
        text = f"<pre>{escape(chr(10).join(changed))}</pre>"
        parts.append(_under(tell("cells"), text) if verb == "lineage" else text)
    if proposal := data.get("proposal"):
        parts.append(f"<pre>{escape(str(proposal))}</pre>")
    return "".join([*parts, _folded(data), "</div>"])


def _tables(verb: str, data: Mapping[str, Any]) -> list[Table]:
    """Return the tables of an answer: mostly one, or none."""
    if verb in _OWN_TABLES:
        return [_told(table) for table in _OWN_TABLES[verb](data)]
    table = table_of(verb, data)
    return [*([_told(table)] if table else []), *(traced.warned(data) if verb in _WARNED else [])]


def _told(table: Table) -> Table:
    """Return a table without the columns that say nothing in any of its rows."""
    columns = [at for at in range(len(table.headers)) if any(row[at].text for row in table.rows)]
    return replace(
        table,
        headers=[table.headers[at] for at in columns],
        rows=[[row[at] for at in columns] for row in table.rows],
    )


def _changed(verb: str, data: Mapping[str, Any]) -> list[str]:
    """Return what belongs to an answer line by line: how code differs, cells that ran, what was said."""
    return _CODE[verb](data) if verb in _CODE else []


_OWN_TABLES: Final[Mapping[str, Callable[[Mapping[str, Any]], list[Table]]]] = {
    "audit": proved.tables,
    "compare": compared.tables,
    "lineage": traced.lineage,
    "reproduce": traced.reproduced,
    "requests": requested.tables,
}
_CODE: Final[Mapping[str, Callable[[Mapping[str, Any]], list[str]]]] = {
    "compare": compared.code,
    "lineage": traced.code,
    "policy": governing.text,
    "requests": requested.lines,
    "comment": requested.lines,
}
_WARNED: Final = frozenset({"register", "show"})


def _html_table(table: Table) -> str:
    head = "".join(f"<th>{escape(header)}</th>" for header in table.headers)
    body = "".join(f"<tr>{''.join(map(_td, row))}</tr>" for row in table.rows)
    more = f"<p>{escape(_more(table.more))}</p>" if table.more else ""
    title = f"<p>{escape(table.title)}</p>" if table.title else ""
    return f"{title}<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"


def _td(cell: Cell) -> str:
    look = f' class="{escape(cell.look)}"' if cell.look else ""
    return f"<td{look}>{escape(cell.text)}</td>"


def _folded(data: Mapping[str, Any]) -> str:
    text = json.dumps(data, ensure_ascii=False, indent=1, default=str)
    if len(text) > _LONGEST:
        text = text[:_LONGEST] + " …"
    return _under(tell("details"), f"<pre>{escape(text)}</pre>")


def _under(title: str, html: str) -> str:
    """Return what is seen once its title is clicked."""
    return f"<details><summary>{escape(title)}</summary>{html}</details>"


def _text_table(table: Table) -> Iterable[str]:
    rows = [list(table.headers), *([printable(cell.text) for cell in row] for row in table.rows)]
    rows = [[_cut(text) for text in row] for row in rows]
    widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]
    if table.title:
        yield printable(table.title)
    yield from (_padded(row, widths) for row in rows)
    if table.more:
        yield _more(table.more)


def _padded(row: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(
        text + " " * (width - _width(text)) for text, width in zip(row, widths, strict=True)
    ).rstrip()


def _more(n: int) -> str:
    return tell("… and {n} more", n=n)


def _cut(text: str) -> str:
    return text if len(text) <= _WIDEST else text[: _WIDEST - 1] + "…"


def _width(text: str) -> int:
    """Return how many columns of a terminal a text takes; Japanese characters take two."""
    return sum(1 + (unicodedata.east_asian_width(c) in "WF") for c in text)


def printable(text: str) -> str:
    """Return a text without the control characters of whoever wrote it."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
