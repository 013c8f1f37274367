"""One model on the executive page: how right it is, and whether its cases have changed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from jupyter_mlops.charts.theme import SIGNS, plain, status_word
from jupyter_mlops.domain.answers import Accuracy, DeploymentRow, Monitor, Status
from jupyter_mlops.locale import tell
from jupyter_mlops.papers import figures
from jupyter_mlops.papers.facts import Week

ILL = ("failing", "warning")


def told(row: DeploymentRow, weeks: Sequence[Week]) -> dict[str, Any]:
    """Return what the page says of one model."""
    status = row["status"]
    return {
        "name": plain(row["name"], 40),
        "version": plain(row["version"] or "", 60),
        "owner": tell("owner: {name}", name=plain(row["owner"], 60)) if row["owner"] else "",
        "status": status,
        "sign": SIGNS[status],
        "word": status_word(status),
        "because": because(row, weeks),
        "accuracy": accuracy_line(weeks),
        "cases": _cases_line(latest(weeks)),
        "speed": _speed_line(latest(weeks)),
        "series": history(weeks),
    }


def because(row: DeploymentRow, weeks: Sequence[Week]) -> str:
    """Return the sentences that say what is wrong, without a word of statistics."""
    alone = plain(row.get("alone", ""), 200)
    return f"{alone} {_health(row, weeks)}".strip() if alone else _health(row, weeks)


def _health(row: DeploymentRow, weeks: Sequence[Week]) -> str:
    if row["state"] == "down":
        return tell("It is not answering.")
    if row["status"] == "passing":
        return tell("All is well.")
    if row["status"] == "unknown":
        return tell("Too little has happened to tell.")
    found = latest(weeks)
    said = _reasons(found, weeks) if found else []
    known = row["because"].removeprefix(row.get("alone", ""))
    return " ".join(said) or plain(known.strip(), 200)


def latest(weeks: Sequence[Week]) -> Monitor | None:
    """Return the newest week in which anything was asked of it."""
    return next((week.monitor for week in reversed(weeks) if week.monitor), None)


def accuracy_status(weeks: Sequence[Week]) -> Status:
    """Return the newest status of its accuracy that could be told; labels come late."""
    for week in reversed(weeks):
        if week.monitor and week.monitor["accuracy"]["status"] != "unknown":
            return week.monitor["accuracy"]["status"]
    return "unknown"


def history(weeks: Sequence[Week]) -> dict[str, Any] | None:
    """Return the accuracy of all weeks as one answer, as a picture takes it."""
    judged = [(week, week.monitor["accuracy"]) for week in weeks if week.monitor]
    if not judged:
        return None
    newest = judged[-1][1]
    series = [_point(week, found) for week, found in judged]
    return {**newest, "because": accuracy_line(weeks), "series": series}


def _point(week: Week, found: Accuracy) -> dict[str, Any]:
    figure = found["metrics"].get(found["metric"]) or {"value": None, "low": None, "high": None}
    end = week.start + timedelta(days=7)
    return {
        "start": week.start.isoformat(),
        "end": end.isoformat(),
        "n": found["n"],
        "labelled": found["labelled"],
        **figure,
    }


def _reasons(found: Monitor, weeks: Sequence[Week]) -> list[str]:
    reasons = []
    if found["accuracy"]["status"] in ILL:
        reasons.append(accuracy_line(weeks))
    if found["drift"]["status"] in ILL:
        reasons.append(_cases_line(found))
    if found["service"]["status"] in ILL:
        rate = found["service"]["error_rate"]["value"] or 0.0
        reasons.append(tell("{share} of its answers failed.", share=figures.share(rate)))
    return reasons


def accuracy_line(weeks: Sequence[Week]) -> str:
    """Say how right it is against how right it was, from the newest week that can tell."""
    for week in reversed(weeks):
        found = week.monitor["accuracy"] if week.monitor else None
        figure = found["metrics"].get(found["metric"]) if found else None
        if found and figure and figure["value"] is not None and found["status"] != "unknown":
            return _against(found["metric"], figure["value"], _released(found))
    return tell("How right it is cannot be told yet: too few outcomes are known.")


def _released(found: Accuracy) -> float | None:
    figure = found["reference"].get(found["metric"])
    return figure["value"] if figure else None


def _against(metric: str, now: float, before: float | None) -> str:
    name = {
        "accuracy": tell("Accuracy"),
        "roc_auc": tell("Ranking quality"),
        "rmse": tell("Typical error"),
    }.get(metric, metric)
    if before is None:
        return tell("{measure} {now}.", measure=name, now=figures.measure(now))
    return tell(
        "{measure} {now} (was {before}).",
        measure=name,
        now=figures.measure(now),
        before=figures.measure(before),
    )


def _cases_line(found: Monitor | None) -> str:
    """Say whether the cases it sees are still like those it learned from."""
    items = found["drift"]["items"] if found else []
    moved = [plain(item["feature"]) for item in items if item["status"] in ILL]
    if moved:
        return tell("The cases it sees have changed: {features}.", features=figures.listed(moved))
    if any(item["status"] == "passing" for item in items):
        return tell("The cases it sees are like those it learned from.")
    return tell("Too few cases to say whether they have changed.")


def _speed_line(found: Monitor | None) -> str:
    typical = found["service"]["latency_ms"].get("p50") if found else None
    if typical is None:
        return ""
    return tell("A typical answer takes {ms} ms.", ms=figures.measure(typical))
