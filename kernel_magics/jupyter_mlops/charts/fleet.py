"""Pictures of the fleet: which models work, how well they are, and how that went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from jupyter_mlops.charts import theme
from jupyter_mlops.locale import tell

ROW: Final = 24
MOST: Final = 40
ORDER: Final[dict[str, int]] = {"failing": 0, "warning": 1, "unknown": 2, "passing": 3}


def deployments(data: Mapping[str, Any]) -> Any:
    """Show which models work the most, those that need a person first."""
    import altair as alt

    question = tell("Which models work for you, and how are they?")
    rows = _deployments(data)
    if not rows:
        return theme.empty(question, tell("No model is deployed yet."))
    base = alt.Chart(theme.table(rows)).encode(
        y=alt.Y("label:N", sort=None, title=None, axis=alt.Axis(labelLimit=170)),
        x=alt.X(
            "n:Q",
            scale=alt.Scale(domain=[0, max(1, *(row["n"] for row in rows)) * 1.06]),
            axis=alt.Axis(**theme.counts(tell("predictions")), tickCount=4, grid=False),
        ),
        color=alt.Color("status:N", scale=alt.Scale(**theme.status_colours()), legend=None),
        tooltip=[
            alt.Tooltip("name:N", title=tell("deployment")),
            alt.Tooltip("word:N", title=tell("status")),
            alt.Tooltip("because:N", title=tell("because")),
            alt.Tooltip("n:Q", title=tell("predictions"), format=","),
        ],
    )
    bars = base.mark_bar(height=10).encode(opacity=alt.Opacity("strength:Q", scale=None))
    signs = base.mark_text(align="left", dx=6, fontSize=13).encode(text="sign:N")
    return theme.dressed(bars + signs, question, answer=_answer(rows), height=ROW * len(rows) + 8)


def _deployments(data: Mapping[str, Any]) -> list[dict[str, Any]]:
    items = data.get("items", data.get("deployments", []))
    kept = [item for item in items if item["state"] != "retired"]
    ordered = sorted(kept, key=lambda i: (ORDER[i["status"]], -i["predictions"], i["name"]))
    return [_deployment(item) for item in ordered[:MOST]]


def _deployment(item: Mapping[str, Any]) -> dict[str, Any]:
    status = item["status"]
    name = theme.plain(item["name"])
    return {
        "name": name,
        "label": name,
        "n": item["predictions"],
        "status": status,
        "strength": theme.strength(status),
        "sign": theme.SIGNS[status],
        "word": theme.status_word(status),
        "because": theme.plain(item["because"], 200),
    }


def _answer(rows: Sequence[Mapping[str, Any]]) -> str:
    ill = [row["name"] for row in rows if row["status"] in ("failing", "warning")]
    if not ill:
        return tell("None needs attention.")
    return tell("Needs attention: {names}.", names=", ".join(ill[:3]))
