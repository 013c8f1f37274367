"""The page of one deployment: how it is, since when, why, and what to do, in words."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from jupyter_mlops.charts.events import ALERT, DEPLOYED, RULES
from jupyter_mlops.charts.theme import SIGNS, plain, status_word
from jupyter_mlops.domain.answers import AlertRow, AuditEvent, Status
from jupyter_mlops.errors import told as words_of
from jupyter_mlops.locale import current_language, tell, translate
from jupyter_mlops.papers import figures
from jupyter_mlops.papers.facts import reader
from jupyter_mlops.papers.seen import ILL, SEVERE, Seen, began, look, standing

if TYPE_CHECKING:
    from jupyter_mlops.services.workspace import Workspace

MOST_ALERTS: Final = 8
MOST_CAUSES: Final = 3


def page_of(
    ws: Workspace,
    *,
    now: datetime,
    deployment: str = "",
    days: int = 30,
    as_of: str | None = None,
) -> dict[str, Any]:
    """Return the page of a deployment, or of the one most in need, as it is or was, in the reader's words."""
    return told(look(reader(ws, as_of), now=now, name=deployment, since=f"{days}d"))


def told(seen: Seen) -> dict[str, Any]:
    """Return what the page says, in the reader's language; nothing is invented."""
    return {
        "language": current_language(),
        "workspace": "",
        "title": tell("Deployment {name}", name=plain(seen.name, 60))
        if seen.name
        else tell("Deployment"),
        "where": _where(seen),
        "as_of": tell("as of {moment}", moment=figures.moment(seen.now.astimezone())),
        **_sign(standing(seen)),
        "headline": headline(seen),
        "tiles": _tiles(seen),
        "alerts": [_alert(alert) for alert in seen.unresolved[:MOST_ALERTS]],
        "more": _more(seen),
        "doors": doors(seen),
        "events": events(seen),
        "seen": seen,
        "words": _words(),
    }


def headline(seen: Seen) -> str:
    """Return the one sentence to read when only one is read: status, since when, because."""
    if not seen.name:
        return tell("Nothing is deployed yet.")
    name = plain(seen.name, 60)
    if seen.monitor is None:
        return tell("{name} cannot be judged yet.", name=name)
    status, because = standing(seen), _because(seen)
    since = began(seen)
    if status in ILL and since:
        day = figures.day(since.astimezone())
        return tell(
            "{name} needs attention since {day}: {because}", name=name, day=day, because=because
        )
    if status in ILL:
        return tell("{name} needs attention: {because}", name=name, because=because)
    if status == "passing":
        return tell("{name} is well. {because}", name=name, because=because)
    return tell("{name} cannot be judged yet. {because}", name=name, because=because)


def _because(seen: Seen) -> str:
    """Return the sentence of the most urgent alert, where that is worse than the period as a whole."""
    found = seen.unresolved
    if found and standing(seen) != seen.status:
        return plain(found[0]["because"], 240)
    return plain(seen.monitor["because"], 240) if seen.monitor else ""


def doors(seen: Seen) -> list[dict[str, str]]:
    """Return what is missing, and for each the next word to type."""
    name = plain(seen.name, 100)
    if not seen.name:
        word = "%mlops deploy MODEL:1 --to NAME"
        return [_door(tell("Deploy an approved version; its page will be here."), word)]
    if seen.monitor is None:
        said = words_of(seen.error, translate) if seen.error else ""
        return [_door(plain(said, 300), f"%mlops deployments {name}")]
    found, shown = seen.monitor, []
    if not found["service"]["predictions"]:
        said = tell(
            "Nothing was asked of it in this time. Ask a first time, or choose a longer one."
        )
        shown.append(_door(said, f"%mlops predict {name} FRAME"))
    elif not found["accuracy"]["labelled"]:
        said = tell("Nobody has said yet what really happened. Send what is known.")
        word = f"%mlops actuals {name} FRAME --id ID --value OUTCOME"
        shown.append(_door(said, word))
    if not found["drift"]["items"]:
        said = tell("There is no training data to compare with. Register the next version with it.")
        shown.append(_door(said, "%mlops register MODEL --name NAME --train TRAIN --target TARGET"))
    elif found["service"]["predictions"] and found["drift"]["status"] == "unknown":
        said = tell("Too few rows have come to say what moved. Choose a longer time.")
        shown.append(_door(said, f"%mlops drift {name} --since 90d"))
    return shown


def events(seen: Seen) -> list[dict[str, str]]:
    """Return what was done meanwhile, the oldest first: deployed, rules changed, alert."""
    found = [
        event
        for line in seen.audit
        if line["subject"] == f"deployment:{seen.name}" and (event := _event(line))
    ]
    row = seen.row
    if row and row["since"] and not any(event["letter"] == DEPLOYED for event in found):
        said = tell("{ref} is live", ref=row["version"])
        found.append({"at": row["since"], "letter": DEPLOYED, "said": said})
    found += [
        {
            "at": alert["opened_at"],
            "letter": ALERT,
            "said": tell("alert {id}: {because}", id=alert["id"], because=alert["because"]),
        }
        for alert in seen.alerts
    ]
    return sorted(found, key=lambda event: event["at"])


def _event(line: AuditEvent) -> dict[str, str] | None:
    action = line["action"]
    if action.endswith((":refused", ":failed")):
        return None
    if action.startswith(("deployment:rollout", "deployment:promotion", "deployment:rollback")):
        return {"at": line["at"], "letter": DEPLOYED, "said": tell("a version was deployed")}
    if action.startswith("rules:change"):
        return {"at": line["at"], "letter": RULES, "said": tell("the rules changed")}
    return None


def _where(seen: Seen) -> str:
    if seen.row is None:
        return ""
    parts = [plain(seen.row["version"] or "", 60), tell("risk {risk}", risk=seen.row["risk"])]
    if seen.row["owner"]:
        parts.append(tell("owner: {name}", name=plain(seen.row["owner"], 60)))
    return " · ".join(part for part in parts if part)


def _tiles(seen: Seen) -> list[dict[str, Any]]:
    """Return the figures that exist; a tile without one is not shown."""
    if seen.monitor is None or not seen.monitor["service"]["predictions"]:
        return []
    monitor = seen.monitor
    served, moved, right = monitor["service"], monitor["drift"], monitor["accuracy"]
    ill = [item for item in moved["items"] if item["status"] in ILL]
    p50, p95 = served["latency_ms"].get("p50"), served["latency_ms"].get("p95")
    rate = served["error_rate"]["value"] or 0.0
    tiles = [
        _tile(tell("predictions"), figures.count(served["predictions"]), note=_pace(seen)),
        _tile(
            tell("95 % answered within"),
            f"{figures.measure(p95)} ms",
            note=tell("half within {ms} ms", ms=figures.measure(p50)),
        ),
        _tile(
            tell("requests that failed"),
            figures.share(rate),
            note=tell(
                "{failed} of {n}",
                failed=figures.count(served["errors"]),
                n=figures.count(served["requests"]),
            ),
            status=served["status"],
        ),
    ]
    if moved["items"]:
        tiles.append(
            _tile(
                tell("features that moved"),
                tell("{n} of {all}", n=len(ill), all=len(moved["items"])),
                note=plain(figures.listed([plain(item["feature"], 24) for item in ill]), 80),
                status=moved["status"],
            )
        )
    return [*tiles, *_right(right)]


def _right(right: Any) -> list[dict[str, Any]]:
    now = right["metrics"].get(right["metric"])
    if not now or now["value"] is None:
        return []
    before = (right["reference"] or {}).get(right["metric"])
    note = tell("truth known of {share}", share=figures.share(right["labelled"]))
    if before and before["value"] is not None:
        was = tell("{value} at release", value=figures.measure(before["value"]))
        note = f"{was} · {note}"
    names = {"roc_auc": "AUC", "rmse": "RMSE", "accuracy": tell("accuracy")}
    name = names.get(right["metric"], right["metric"])
    return [_tile(name, figures.measure(now["value"]), note=note, status=right["status"])]


def _pace(seen: Seen) -> str:
    monitor = seen.monitor
    if monitor is None:
        return ""
    age = datetime.fromisoformat(monitor["until"]) - datetime.fromisoformat(monitor["since"])
    days = max(1, round(age / timedelta(days=1)))
    return tell("last {n} days", n=days) if days > 1 else tell("last 24 hours")


def _tile(label: str, value: str, *, note: str = "", status: Status = "passing") -> dict[str, Any]:
    """Return a figure; one that needs a person carries its sign."""
    sign = SIGNS[status] if status in ILL else ""
    return {"label": label, "value": value, "note": note, "status": status, "sign": sign}


def _alert(alert: AlertRow) -> dict[str, Any]:
    status = SEVERE[alert["severity"]]
    causes = alert["causes"][:MOST_CAUSES]
    since = datetime.fromisoformat(alert["since"]).astimezone()
    return {
        "status": status,
        "sign": SIGNS[status],
        "word": _severity(alert["severity"]),
        "number": alert["id"],
        "subject": plain(alert["subject"], 60),
        "because": plain(alert["because"], 240),
        "since": tell("since {day}", day=figures.day(since)),
        "causes": [
            {"share": f"{cause['likelihood']:.0%}", "because": plain(cause["because"], 200)}
            for cause in causes
        ],
        "next": _next(alert),
        "seen": _who(alert),
    }


def _next(alert: AlertRow) -> list[str]:
    """Return what to type next: the words of its causes, each once, then the one that says it was seen."""
    words = [word for cause in alert["causes"][:MOST_CAUSES] for word in cause["next"]]
    kept = list(dict.fromkeys([alert["next"], *words]))[:3]
    if alert["state"] == "open":
        kept.append(f"%mlops acknowledge {alert['id']}")
    return [plain(word, 120) for word in kept]


def _who(alert: AlertRow) -> str:
    if alert["state"] != "acknowledged":
        return ""
    said = tell("seen by {name}", name=plain(alert["acknowledged_by"], 60))
    return f"{said}: {plain(alert['comment'], 160)}" if alert["comment"] else said


def _severity(severity: str) -> str:
    words = {"critical": tell("critical"), "warning": tell("warning"), "info": tell("info")}
    return words.get(severity, severity)


def _more(seen: Seen) -> str:
    rest = len(seen.unresolved) - MOST_ALERTS
    return tell("and {n} more alerts", n=rest) if rest > 0 else ""


def _sign(status: Status) -> dict[str, Any]:
    return {"status": status, "sign": SIGNS[status], "word": status_word(status)}


def _door(says: str, word: str) -> dict[str, str]:
    return {"says": says, "next": word}


def _words() -> dict[str, str]:
    return {
        "alerts": tell("Open alerts"),
        "calm": tell("No alert is open."),
        "probably": tell("Probably"),
        "next": tell("next"),
        "service": tell("Does the service hold?"),
        "drift": tell("Have its cases changed?"),
        "click": tell("Click a feature to see how it changed and since when."),
        "accuracy": tell("Is it still right?"),
        "events": tell(
            "D: deployed · R: rules changed · A: alert. Lighter and dashed: truth not yet known for most."
        ),
        "curves": tell("What is it right and wrong about?"),
        "features": tell("Feature by feature"),
        "look": tell("Look"),
        "auto": tell("as the system"),
        "light": tell("light"),
        "dark": tell("dark"),
        "source": tell("Source: the records of this workspace; counts only, no row of anybody"),
    }
