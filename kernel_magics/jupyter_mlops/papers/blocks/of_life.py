"""What became of a version: where it serves, how it does there, what was raised, what changed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from jupyter_mlops.charts import accuracy as over_time
from jupyter_mlops.charts import curves, drift, service
from jupyter_mlops.domain.answers import Monitor, Version
from jupyter_mlops.locale import tell
from jupyter_mlops.papers.blocks.of_quality import metric_name, picture
from jupyter_mlops.papers.blocks.writing import (
    NONE,
    day,
    interval,
    moment,
    number,
    person,
    short,
    status,
)
from jupyter_mlops.papers.figures import share
from jupyter_mlops.papers.known import Known, Place
from jupyter_mlops.papers.paper import Block, Heading, Paragraph, Table

MOST_ALERTS: Final = 30
FIRST: Final = ("roc_auc", "accuracy", "rmse")


def deployments(known: Known) -> list[Block]:
    """List the deployments that the version serves, and since when."""
    if not known.places:
        return [Paragraph(tell("The version serves no deployment."), "note")]
    head = (tell("deployment"), tell("version"), tell("since"), tell("predictions"))
    rows = [
        (place.row["name"], place.row["version"] or NONE, moment(place.row["since"]), _asked(place))
        for place in known.places
    ]
    return [Table("deployments", head, rows, right=(3,))]


def monitoring(known: Known) -> list[Block]:
    """Tell how each deployment did in the thirty days up to its last day with traffic."""
    if not known.places:
        said = tell("The version serves no deployment: nothing was monitored.")
        return [Paragraph(said, "note")]
    return [block for place in known.places for block in _monitored(place)]


def alerts(known: Known) -> list[Block]:
    """List the alerts of each deployment, those that are open first."""
    rows = [
        (
            f"{alert['id']} · {place.row['name']}",
            _severity(alert["severity"]),
            _state(alert["state"]),
            day(alert["since"]),
            alert["because"],
        )
        for place in known.places
        for alert in place.alerts["items"][:MOST_ALERTS]
    ]
    if not rows:
        return [Paragraph(tell("No alert was ever raised."), "note")]
    head = (tell("alert"), tell("severity"), tell("state"), tell("since"), tell("because"))
    return [Table("alerts", head, rows)]


def rules(known: Known) -> list[Block]:
    """Show the rules in force: objectives, thresholds, humility, release floors, ramps."""
    blocks: list[Block] = []
    for place in known.places:
        told, name = place.rules, place.row["name"]
        if told is None:
            continue
        if not told["number"]:
            said = tell("{name} has no rules of its own: the defaults hold.", name=name)
            blocks.append(Paragraph(said))
        head = (tell("rule"), tell("what was agreed"))
        title = tell(
            "Rules of {name}, version {number}, {digest}",
            name=name,
            number=told["number"],
            digest=told["digest"][:19] or NONE,
        )
        blocks.append(Table(f"rules {name}", head, _agreed(told), title=title))
    return blocks or [Paragraph(tell("The version serves no deployment: no rules apply."), "note")]


def changes(known: Known) -> list[Block]:
    """List the versions of the model up to this one, and what was done to this one."""
    head = (
        tell("version"),
        tell("registered"),
        tell("by"),
        tell("first metric"),
        tell("description"),
    )
    rows = [
        (
            version["ref"],
            moment(version["created_at"]),
            person(version["created_by"]),
            _first(version),
            short(version["description"]) or NONE,
        )
        for version in known.versions
    ]
    done = [
        (moment(event["at"]), event["action"], event["subject"], person(event["actor"]))
        for event in reversed(known.events)
        if event["action"].startswith(DEEDS)
    ]
    blocks: list[Block] = [Table("versions", head, rows, title=tell("Versions up to this one"))]
    if done:
        head_done = (tell("when"), tell("what"), tell("subject"), tell("who"))
        blocks.append(Table("events", head_done, done, title=tell("What was done")))
    return blocks


DEEDS: Final = ("version:", "request:", "deployment:", "rules:", "model:")
"""Events that tell the life of a version."""


def _monitored(place: Place) -> list[Block]:
    name, found = place.row["name"], place.monitor
    if found is None:
        said = tell("Nothing was asked of {name} in the last 400 days.", name=name)
        return [Paragraph(said, "note")]
    said = tell(
        "{name}, {since} to {until}: {status}. {because}",
        name=name,
        since=day(found["since"]),
        until=day(found["until"]),
        status=status(found["status"]),
        because=found["because"],
    )
    head = (tell("part"), tell("status"), tell("because"))
    parts: tuple[tuple[str, Mapping[str, Any]], ...] = (
        (tell("service"), found["service"]),
        (tell("drift"), found["drift"]),
        (tell("accuracy"), found["accuracy"]),
    )
    rows = [(word, status(part["status"]), part["because"]) for word, part in parts]
    blocks: list[Block] = [Paragraph(said), Table(f"monitoring {name}", head, rows)]
    return [*blocks, *_served(name, found), *_moved(name, found), *_right(name, found)]


def _served(name: str, found: Monitor) -> list[Block]:
    told = found["service"]
    rate = told["error_rate"]
    rows = [
        (tell("requests"), f"{told['requests']:,}"),
        (tell("predictions"), f"{told['predictions']:,}"),
        (tell("requests that failed"), f"{told['errors']:,} ({share(rate['value'] or 0.0)})"),
        (tell("half answered within"), f"{number(told['latency_ms'].get('p50'))} ms"),
        (tell("95 % answered within"), f"{number(told['latency_ms'].get('p95'))} ms"),
    ]
    table = Table(f"service {name}", (tell("service"), tell("value")), rows, right=(1,))
    return [_part(name, tell("service")), table, picture(f"traffic {name}", service.traffic(told))]


def _moved(name: str, found: Monitor) -> list[Block]:
    items = found["drift"]["items"]
    if not items:
        return []
    head = (tell("feature"), "PSI", "p", tell("status"), tell("because"))
    rows = [
        (
            item["feature"],
            number(item["psi"]),
            number(item["p_value"]),
            status(item["status"]),
            item["because"],
        )
        for item in items
    ]
    return [
        _part(name, tell("drift")),
        Table(f"drift {name}", head, rows, right=(1, 2)),
        picture(f"drift {name}", drift.moved(found["drift"])),
    ]


def _right(name: str, found: Monitor) -> list[Block]:
    told = found["accuracy"]
    labelled = tell(
        "What really happened is known of {share} of {n} predictions.",
        share=share(told["labelled"]),
        n=f"{told['n']:,}",
    )
    blocks: list[Block] = [_part(name, tell("accuracy")), Paragraph(labelled)]
    if not told["metrics"]:
        return blocks
    head = (tell("metric"), tell("now"), tell("95 % interval"), tell("on the holdout"))
    rows = [
        (
            metric_name(key),
            number(now["value"]),
            interval(now),
            number(before["value"] if (before := told["reference"].get(key)) else None),
        )
        for key, now in told["metrics"].items()
    ]
    blocks.append(Table(f"accuracy {name}", head, rows, right=(1, 2, 3)))
    blocks.append(picture(f"accuracy {name}", over_time.over_time(told)))
    drawn = curves.of(told)
    return [*blocks, *(picture(f"live {name} {i}", chart) for i, chart in enumerate(drawn))]


def _part(name: str, word: str) -> Heading:
    return Heading(3, "", f"{name} · {word}")


def _agreed(told: Mapping[str, Any]) -> list[tuple[str, str]]:
    parts = ("objectives", "monitoring", "release", "rollout")
    rows = [
        (f"{part}.{key}", json.dumps(value, ensure_ascii=False, default=list))
        for part in parts
        for key, value in told[part].items()
        if value not in (None, "", {}, [], ())
    ]
    rows += [
        (tell("humility: {name}", name=rule["name"]), f"{rule['when']} → {rule['then']}")
        for rule in told["items"]
    ]
    return rows


def _asked(place: Place) -> str:
    return f"{place.monitor['service']['predictions']:,}" if place.monitor else "0"


def _first(version: Version) -> str:
    name = next((name for name in FIRST if name in version["metrics"]), "")
    found = version["metrics"].get(name)
    return f"{name} {number(found['value'])}" if found else NONE


def _severity(name: str) -> str:
    words = {"critical": tell("critical"), "warning": tell("warning"), "info": tell("info")}
    return words.get(name, name)


def _state(name: str) -> str:
    words = {
        "open": tell("open"),
        "acknowledged": tell("acknowledged"),
        "resolved": tell("resolved"),
    }
    return words.get(name, name)
