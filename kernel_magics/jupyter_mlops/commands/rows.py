"""The rows of an answer that its small table shows, where they are not its items as they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from jupyter_mlops.commands.figures import number, share
from jupyter_mlops.locale import tell

Data = Mapping[str, Any]
Row = Mapping[str, Any]
ATTRIBUTES: Final = 2
"""Attributes whose segments are shown, those first that stand apart most."""


def fleet(data: Data) -> list[Row]:
    """Return the deployments; a canary stands behind the champion it shares the traffic with."""
    rows = [dict(row) for row in data["items"]]
    for row in rows:
        if row["canary"]:
            row["version"] = f"{row['version']} + {row['canary']} ({row['share']:.1%})"
        if row.get("trial"):
            row["because"] = f"{row['because']} {row['trial']['because']}"
        if row.get("review_by"):
            again = tell("To be approved again until {day}.", day=row["review_by"][:10])
            row["because"] = f"{row['because']} {again}"
    return list(rows)


def meant(data: Data) -> list[Row]:
    """Return rows with the name of who did what they tell."""
    return [{**row, "by": row["by"]["id"]} for row in data["items"]]


def laid_down(data: Data) -> list[Row]:
    """Return policies with the name of who wrote each; those that came with the workspace have none."""
    return [
        {
            **row,
            "needs": row["needs"] or ", ".join(one["id"] for one in row.get("people", ())),
            "by": row["by"]["id"] if row["by"] else None,
            "at": row["at"] or None,
        }
        for row in data["items"]
    ]


def attention(data: Data) -> list[Row]:
    """Return what needs somebody."""
    return list(data["attention"])


def checks(data: Data) -> list[Row]:
    """Return what checks found: what failed first, what does not apply last."""
    order = ("failed", "passed", "not applicable")
    found = data["checks"] if "checks" in data else data["items"]
    return sorted(found, key=lambda row: order.index(row["outcome"]))


def beside(data: Data) -> list[Row]:
    """Return what scores beside the answers, with one figure of each kind."""
    return [
        {
            **row,
            "agreement": row["agreement"]["value"],
            "difference": row["difference"]["value"],
            "p95": row["latency_ms"]["p95"],
        }
        for row in data["items"]
    ]


def metrics(data: Data) -> list[Row]:
    """Return each metric with its interval."""
    return [{"metric": name, **told} for name, told in data["metrics"].items()]


def parts(data: Data) -> list[Row]:
    """Return the parts of a deployment's page."""
    names = {"service": tell("service"), "drift": tell("drift"), "accuracy": tell("accuracy")}
    return [{"part": said, **data[name]} for name, said in names.items()]


def traffic(data: Data) -> list[Row]:
    """Return the figures of the service."""
    spread = {f"{name} (ms)": value for name, value in data["latency_ms"].items()}
    told = {
        tell("requests"): data["requests"],
        tell("predictions"): data["predictions"],
        tell("errors"): data["errors"],
        **spread,
        **_budgets(data),
    }
    return [{"metric": name, "value": value} for name, value in told.items()]


def _budgets(data: Data) -> dict[str, str]:
    """Return of each objective what was agreed, what was measured, what is left, and for how long."""
    names = {
        "error_rate": tell("error budget (errors)"),
        "latency_p95_ms": tell("error budget (slow answers)"),
    }
    return {names[one["objective"]]: _budget(one) for one in data.get("budgets", [])}


def _budget(one: Data) -> str:
    unit = share if one["objective"] == "error_rate" else lambda ms: f"{number(ms)} ms"
    return tell(
        "left {left}, burn {burn}, {hours} h; {measured}, agreed {agreed}",
        agreed=unit(one["agreed"]),
        measured=unit(one["measured"]),
        left="–" if one["left"] is None else f"{100 * one['left']:.1f} %",
        burn=number(one["burn"]),
        hours=number(one["hours_left"]),
    )


def raised(data: Data) -> list[Row]:
    """Return alerts with their likeliest cause; the others stand in the details."""
    return [
        {**row, "cause": row["causes"][0]["because"] if row["causes"] else None}
        for row in data["items"]
    ]


def deliveries(data: Data) -> list[Row]:
    """Return the newest messages with what came of them."""
    return [{**row, "answer": row["outcome"]} for row in data["items"]]


def rehearsed(data: Data) -> list[Row]:
    """Return the alerts that rules would have raised."""
    return list(data["rehearsal"]["items"])


def events(data: Data) -> list[Row]:
    """Return events with the name of who did them."""
    return [{**row, "actor": row["actor"].get("id")} for row in data["items"]]


def anchored(data: Data) -> list[Row]:
    """Return anchors with the status of each."""
    statuses = {"current": "passing", "behind": "passing", "unreachable": "warning"}
    return [{**row, "status": statuses.get(row["state"], "failing")} for row in data["items"]]


def unwell(data: Data) -> list[Row]:
    """Return what moved first, the quiet features after."""
    order = ("failing", "warning", "unknown", "passing")
    return sorted(data["items"], key=lambda row: order.index(row["status"]))


def segments(data: Data) -> list[Row]:
    """Return what each segment adds, of the attributes whose segments stand apart most."""
    return [
        {
            "feature": one["attribute"],
            "value": part["segment"],
            "psi": part["psi"],
            "share": share(part["share"]),
            "before": part["n_reference"],
            "now": part["n_current"],
        }
        for one in data["explained"]["attributes"][:ATTRIBUTES]
        for part in one["parts"]
    ]


def weighed(data: Data) -> list[Row]:
    """Return each feature's importance at registration and in the newest period that knows it."""
    told = data["weighed"]
    rows: list[Row] = []
    for one in told["features"]:
        known = [
            (period, found)
            for period, found in zip(told["periods"], one["now"], strict=True)
            if found["value"] is not None
        ]
        period, found = known[-1] if known else ({}, {})
        rows.append(
            {
                **found,
                "feature": one["feature"],
                "before": one["before"],
                "now": found.get("value"),
                "since": period.get("start"),
            }
        )
    return rows


def drivers(data: Data) -> list[Row]:
    """Return the features that tell rows apart."""
    return list(data["together"]["drivers"])


def planned(data: Data) -> list[Row]:
    """Return the steps of a plan; those that were taken are ticked."""
    words = {"keep": tell("as it is"), "wait": tell("waits")}
    return [
        {**row, "step": ("✓ " if row["done"] else "") + words.get(row["does"], row["does"])}
        for row in data["items"]
    ]


def proved(data: Data) -> list[Row]:
    """Return the steps of a receipt, each with its sign."""
    words = {
        "row": tell("row"),
        "segment": tell("segment"),
        "event": tell("event"),
        "version": tell("version"),
        "approval": tell("approval"),
    }
    return [
        {**one, "holds": "✓" if one["holds"] else "✗", "step": words[one["step"]]}
        for one in data["steps"]
    ]


def imported(data: Data) -> list[Row]:
    """Return what has become of each version of another registry, the skipped ones first."""
    order = ("skipped", "recorded", "registered", "known")
    words = {
        "registered": tell("with its model"),
        "recorded": tell("as a record"),
        "known": tell("here already"),
        "skipped": tell("skipped"),
    }
    rows = sorted(data["items"], key=lambda row: order.index(row["outcome"]))
    return [
        {**row, "became": words[row["outcome"]], "aliases": ", ".join(row["aliases"])}
        for row in rows
    ]
