"""How versions side by side are shown: metrics, the test, what differs, and where they are apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from jupyter_mlops.commands.figures import metric_name, number, share
from jupyter_mlops.commands.tables import MOST_ROWS, Cell, Table, cell
from jupyter_mlops.locale import tell

Data = Mapping[str, Any]
MOST_CHANGES: Final = 6
"""Differences of one part and one version; a hundred features do not hide a parameter."""
MOST_LINES: Final = 60
FEW_FEATURES: Final = 8


def tables(data: Data) -> list[Table]:
    """Return the tables of versions side by side; what there is nothing of is left out."""
    same = data["same_rows"]
    found = [
        _metrics(data, "same rows", same["because"]),
        *([] if _are_the_same(data) else [_metrics(data, "registered", tell("As registered"))]),
        _tests(same),
        _changes(data),
        _checks(data),
        _apart(data),
    ]
    return [table for table in found if table.rows]


def code(data: Data) -> list[str]:
    """Return how the cells differ that registered the versions, and of which it is not known."""
    lines: list[str] = []
    for one in data["code"]:
        if not one["lines"] and one["because"] in lines:
            continue
        shown = one["lines"][:MOST_LINES]
        more = len(one["lines"]) - len(shown)
        lines += [one["because"], *[line.expandtabs(4) for line in shown]]
        lines += [tell("… and {n} more", n=more)] if more else []
    return lines


def _metrics(data: Data, measured: str, title: str) -> Table:
    """Return a metric a row and a version a column, the first metric first."""
    told: dict[str, dict[str, Data]] = {data["metric"]: {}}
    for row in data["items"]:
        if row["measured"] == measured:
            told.setdefault(row["metric"], {})[row["ref"]] = row
    refs = [ref for ref in data["refs"] if any(ref in found for found in told.values())]
    rows = [
        [Cell(metric_name(name)), *[_figure(found.get(ref)) for ref in refs]]
        for name, found in told.items()
        if found
    ]
    return Table(
        [tell("metric"), *refs], rows[:MOST_ROWS], max(len(rows) - MOST_ROWS, 0), title=title
    )


def _are_the_same(data: Data) -> bool:
    """Say whether the rows of all are those they were registered with: one table says it all."""
    told: dict[str, set[tuple[Any, ...]]] = {"registered": set(), "same rows": set()}
    for row in data["items"]:
        told[row["measured"]].add((row["metric"], row["ref"], cell("value", row["value"]).text))
    return told["registered"] <= told["same rows"]


def _figure(found: Data | None) -> Cell:
    if found is None or found["value"] is None:
        return Cell("–", "number")
    if found["low"] is None or found["high"] is None:
        return Cell(number(found["value"]), "number")
    half = (found["high"] - found["low"]) / 2
    return Cell(f"{number(found['value'])} ± {half:.2g}", "number")


def _tests(same: Data) -> Table:
    headers = [
        tell("version"),
        tell("verdict"),
        tell("difference"),
        tell("at least"),
        tell("at most"),
        tell("evidence"),
        tell("says the same"),
        tell("answers apart"),
    ]
    rows = [
        [
            cell("ref", test["ref"]),
            Cell(verdict(test["verdict"])),
            *[cell(name, test["difference"][name]) for name in ("value", "low", "high")],
            Cell(_evidence(test["p_value"])),
            Cell(share(test["agreement"]["value"]), "number"),
            cell("apart", test["apart"]),
        ]
        for test in same["tests"]
    ]
    absent = [
        [cell("ref", one["ref"]), Cell(one["because"]), *[Cell("–", "number")] * 6]
        for one in same["absent"]
    ]
    return Table(headers, [*rows, *absent], title=tell("Compared with the first"))


def verdict(word: str) -> str:
    """Return a verdict in the reader's language."""
    words = {
        "better": tell("better"),
        "worse": tell("worse"),
        "not proven": tell("no difference proven"),
        "unknown": tell("unknown"),
    }
    return words.get(word, word)


def _evidence(p_value: float | None) -> str:
    """Return a p-value in words, with the figure beside."""
    if p_value is None:
        return "–"
    said = f"p {p_value:.2g}"
    if p_value <= 0.01:  # noqa: PLR2004  (what is commonly called strong)
        return tell("strong ({p})", p=said)
    return tell("some ({p})", p=said) if p_value <= 0.05 else tell("none ({p})", p=said)  # noqa: PLR2004


def _changes(data: Data) -> Table:
    headers = [
        tell("belongs to"),
        tell("name"),
        tell("version"),
        data["refs"][0],
        tell("in this version"),
    ]
    rows = [
        [
            Cell(part(one["part"])),
            Cell(one["name"]),
            cell("ref", one["ref"]),
            cell("before", one["before"]),
            cell("now", one["now"]),
        ]
        for one in _few_of_each(data["changes"], ("part", "ref"), MOST_CHANGES)
    ]
    return Table(headers, rows, len(data["changes"]) - len(rows), title=tell("In what they differ"))


def part(word: str) -> str:
    """Return what a difference belongs to, in the reader's language."""
    words = {
        "features": tell("features"),
        "parameters": tell("parameters"),
        "data": tell("data"),
        "environment": tell("environment"),
        "registration": tell("registration"),
        "release checks": tell("release checks"),
    }
    return words.get(word, word)


def _checks(data: Data) -> Table:
    """Return how the newest release checks of each ended."""
    rows = [
        [cell("ref", one["ref"]), Cell(_ended(one["checks"])), cell("at", one["checked_at"])]
        for one in data["versions"]
    ]
    return Table([tell("version"), tell("release checks"), tell("when")], rows)


def _ended(checks: Mapping[str, str]) -> str:
    if not checks:
        return tell("never checked: %mlops check REF")
    passed = sum(outcome == "passed" for outcome in checks.values())
    failed = sum(outcome == "failed" for outcome in checks.values())
    return tell("{passed} passed, {failed} failed", passed=passed, failed=failed)


def _apart(data: Data) -> Table:
    found = data["same_rows"]["apart"]
    most = MOST_ROWS // max(len({one["ref"] for one in found}), 1)
    headers = [
        tell("version"),
        tell("row"),
        data["refs"][0],
        tell("it said"),
        tell("it was"),
        tell("apart"),
        tell("features"),
    ]
    rows = [
        [
            cell("ref", one["ref"]),
            Cell(str(one["row"]), "number"),
            cell("value", one["first"]),
            cell("value", one["other"]),
            cell("truth", one.get("truth")),
            cell("apart", one["apart"]),
            Cell(_features(one["features"])),
        ]
        for one in _few_of_each(found, ("ref",), most)
    ]
    title = tell("Where they disagree most")
    return Table(headers, rows, len(found) - len(rows), title=title)


def _few_of_each(rows: Sequence[Data], keys: Sequence[str], most: int) -> list[Data]:
    """Return the first rows of each kind, in their order."""
    seen: Counter[tuple[Any, ...]] = Counter()
    kept = []
    for row in rows:
        kind = tuple(row[key] for key in keys)
        seen[kind] += 1
        if seen[kind] <= most:
            kept.append(row)
    return kept


def _features(told: Mapping[str, Any]) -> str:
    names: Sequence[str] = list(told)[:FEW_FEATURES]
    shown = ", ".join(f"{name}: {cell('', told[name]).text}" for name in names)
    return f"{shown}, …" if len(told) > FEW_FEATURES else shown
