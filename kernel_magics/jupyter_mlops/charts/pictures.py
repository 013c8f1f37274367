"""Which picture belongs to which verb's answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from jupyter_mlops.charts import (
    accuracy,
    apart,
    audited,
    compared,
    curves,
    drift,
    fleet,
    heat,
    lineage,
    render,
    service,
)
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


def _accuracy(data: Mapping[str, Any]) -> Any:
    """Show the figure over time first, then what it is right and wrong about."""
    further = curves.of(data)
    if data.get("beside"):
        return _below(*_each(data, accuracy.over_time), *further)
    return _below(accuracy.over_time(data), *further) if further else accuracy.over_time(data)


def _compare(data: Mapping[str, Any]) -> Any:
    """Show the test first, then every metric, then what they rank or predict."""
    drawn = compared.of(data)
    return _below(*drawn) if len(drawn) > 1 else drawn[0]


def _drift(data: Mapping[str, Any]) -> Any:
    asked = {"together": apart.drivers, "explained": apart.segments, "weighed": apart.weighed}
    found = [draw(data[name]) for name, draw in asked.items() if name in data]
    if found:
        return _below(*found) if len(found) > 1 else found[0]
    if data.get("beside"):
        return _below(*_each(data, drift.moved, heat.heat))
    weighed = any(item["importance"] is not None for item in data.get("items", []))
    return _below(drift.moved(data), drift.quadrants(data)) if weighed else drift.moved(data)


def _service(data: Mapping[str, Any]) -> Any:
    if data.get("beside"):
        return _below(*_each(data, service.traffic, service.latency))
    left = [service.budgets(data)] if data.get("budgets") else []
    return _below(service.traffic(data), service.latency(data), service.errors(data), *left)


def _monitor(data: Mapping[str, Any]) -> Any:
    return _below(
        accuracy.over_time(data["accuracy"]),
        drift.moved(data["drift"]),
        service.traffic(data["service"]),
    )


def _each(data: Mapping[str, Any], *draw: Callable[[Mapping[str, Any]], Any]) -> Iterator[Any]:
    """Draw each version that was asked for, its name before every question."""
    for one in (data, *data["beside"]):
        for picture in draw:
            drawn = picture(one)
            drawn.title["text"][0] = f"{one['version']} · {drawn.title['text'][0]}"
            yield drawn


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
    "accuracy": _accuracy,
    "audit": audited.timeline,
    "compare": _compare,
    "deployments": fleet.deployments,
    "drift": _drift,
    "lineage": lineage.traced,
    "monitor": _monitor,
    "overview": fleet.deployments,
    "service": _service,
}
