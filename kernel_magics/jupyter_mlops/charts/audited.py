"""The picture of the audit log: what was done when, kind by kind, and what was refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from jupyter_mlops.charts import theme
from jupyter_mlops.domain.answers import Status
from jupyter_mlops.locale import tell

ROW: Final = 26
MOST: Final = 14
STEPS: Final = 48
"""Into how many pieces the time is cut: each kind has one mark in each, however much was done."""
LABEL: Final = {"expr": "windowSize()[0] < 600 ? 84 : 130"}
REFUSED: Final = "refused"


def timeline(data: Mapping[str, Any]) -> Any:
    """Show a line for each kind of deed with a mark where something was done; the busiest kinds first."""
    import altair as alt

    question = tell("What was done, and when?")
    rows = rows_of(data.get("items", []))
    if not rows:
        return theme.empty(question, tell("No event matches."))
    base = alt.Chart(theme.table(rows)).encode(
        y=alt.Y("kind:N", sort=None, title=None, axis=alt.Axis(labelLimit=LABEL, grid=True)),
        x=alt.X("at:T", scale=alt.Scale(padding=14), axis=alt.Axis(**_axis(rows))),
        tooltip=[
            alt.Tooltip("kind:N", title=tell("what")),
            alt.Tooltip("at:T", title=tell("from"), format=theme.moment_format()),
            alt.Tooltip("said:N", title=tell("outcome")),
            alt.Tooltip("deeds:N", title=tell("deeds")),
            alt.Tooltip("n:Q", title=tell("events"), format=","),
        ],
    )
    marks = base.mark_point(filled=True, stroke=theme.ink("ground"), strokeWidth=1).encode(
        color=alt.Color("status:N", scale=alt.Scale(**theme.status_colours()), legend=None),
        shape=alt.Shape("status:N", scale=alt.Scale(**theme.status_shapes()), legend=None),
        size=alt.Size("n:Q", scale=alt.Scale(type="sqrt", range=[45, 320]), legend=None),
        opacity=alt.Opacity("strength:Q", scale=None),
    )
    kinds = len({row["kind"] for row in rows})
    return theme.dressed(marks, question, answer=_answer(rows), height=ROW * kinds + 12)


def rows_of(items: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return a row for each kind, piece of time and outcome: how many events, and which deeds."""
    events = [(_read(event["at"]), *_parts(str(event["action"]))) for event in items]
    if not events:
        return []
    first, last = min(at for at, *_ in events), max(at for at, *_ in events)
    step = max((last - first) / STEPS, timedelta(seconds=1))
    order = [kind for kind, _ in Counter(kind for _, kind, _, _ in events).most_common()]
    names = dict(zip(order, _names(order), strict=True))
    found: dict[tuple[str, int, bool], list[str]] = {}
    for at, kind, deed, is_refused in events:
        found.setdefault((names[kind], int((at - first) / step), is_refused), []).append(deed)
    shown = list(dict.fromkeys(names.values()))
    return [
        _row(kind, first + step * (piece + 0.5), deeds, is_refused=is_refused)
        for (kind, piece, is_refused), deeds in sorted(
            found.items(), key=lambda one: (shown.index(one[0][0]), one[0][2], one[0][1])
        )
    ]


def _names(kinds: Sequence[str]) -> list[str]:
    """Return what each kind is called, those beyond the busiest all the same."""
    names = theme.distinct([theme.plain(kind) for kind in kinds[:MOST]])
    return [*names, *([tell("others")] * (len(kinds) - MOST))]


def _row(kind: str, at: datetime, deeds: Sequence[str], *, is_refused: bool) -> dict[str, Any]:
    status: Status = "failing" if is_refused else "passing"
    named = [f"{name} × {n}" if n > 1 else name for name, n in Counter(deeds).most_common(4)]
    return {
        "kind": kind,
        "at": at.isoformat(),
        "n": len(deeds),
        "deeds": theme.plain(", ".join(named), 120),
        "status": status,
        "strength": theme.strength("failing") if is_refused else 0.65,
        "said": tell("refused") if is_refused else tell("done"),
    }


def _parts(action: str) -> tuple[str, str, bool]:
    kind, _, rest = action.partition(":")
    deed, _, outcome = rest.rpartition(":")
    return kind, deed or rest, outcome == REFUSED


def _axis(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Write days; the minute where all of it is of two days, the second where it is of ten minutes."""
    moments = [_read(row["at"]) for row in rows]
    span = max(moments) - min(moments)
    if span > timedelta(days=2):
        return theme.days()
    return {**theme.days(), "format": "%H:%M" if span > timedelta(minutes=10) else "%H:%M:%S"}


def _answer(rows: Sequence[Mapping[str, Any]]) -> str:
    n = sum(row["n"] for row in rows)
    refused = sum(row["n"] for row in rows if row["status"] == "failing")
    done = tell("{n} event", n=n) if n == 1 else tell("{n} events", n=f"{n:,}")
    if not refused:
        return f"{done}. {tell('None was refused.')}"
    return f"{done}. {tell('■ {n} refused.', n=f'{refused:,}')}"


def _read(moment: str) -> datetime:
    return datetime.fromisoformat(moment)
