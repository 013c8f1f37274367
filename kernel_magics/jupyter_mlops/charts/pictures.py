"""Which picture belongs to which verb's answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from jupyter_mlops.charts import accuracy, drift, fleet, render, service
from jupyter_mlops.errors import UsageError


def picture(verb: str, data: Mapping[str, Any]) -> Any:
    """Return the Altair picture of a verb's answer, shown offline wherever a cell returns it."""
    if verb not in PICTURES:
        raise UsageError(
            "The answer of {verb} has no picture.",
            "Pictures exist for {known}.",
            code="no_picture",
            verb=verb,
            known=", ".join(PICTURES),
        )
    render.enable()
    return PICTURES[verb](data)


def _drift(data: Mapping[str, Any]) -> Any:
    weighed = any(item["importance"] is not None for item in data.get("items", []))
    return _below(drift.moved(data), drift.quadrants(data)) if weighed else drift.moved(data)


def _service(data: Mapping[str, Any]) -> Any:
    return _below(service.traffic(data), service.latency(data), service.errors(data))


def _monitor(data: Mapping[str, Any]) -> Any:
    return _below(
        accuracy.over_time(data["accuracy"]),
        drift.moved(data["drift"]),
        service.traffic(data["service"]),
    )


def _below(*charts: Any) -> Any:
    """Put pictures below one another, each as wide as the others."""
    import altair as alt

    for chart in charts:
        chart.config = alt.Undefined
        chart.width = render.WIDTH - 80
    column = alt.vconcat(*charts, spacing=32).resolve_scale(color="independent")
    return column.properties(config=_config())


def _config() -> dict[str, Any]:
    from jupyter_mlops.charts import theme

    return theme.config()


PICTURES: Final[dict[str, Callable[[Mapping[str, Any]], Any]]] = {
    "accuracy": accuracy.over_time,
    "deployments": fleet.deployments,
    "drift": _drift,
    "monitor": _monitor,
    "overview": fleet.deployments,
    "service": _service,
}
