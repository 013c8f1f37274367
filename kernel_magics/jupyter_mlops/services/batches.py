"""Batches: the requests of a window that had more than one row, each a period of its own.

A batch is known by the moment its request was answered, which all its rows share. Kept profiles do
not know it, so the rows of the newest batches are read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from jupyter_mlops.domain.answers import Batches
from jupyter_mlops.locale import tell
from jupyter_mlops.services import profiles, rawrows
from jupyter_mlops.services.champions import Champion
from jupyter_mlops.services.counting import batch_of, keyed
from jupyter_mlops.services.slices import Slice
from jupyter_mlops.services.traffic import Traffic, traffic_of
from jupyter_mlops.services.window import TICK, Window
from jupyter_mlops.services.workspace import Workspace

if TYPE_CHECKING:
    import pyarrow as pa

    from jupyter_mlops.services.profiles import Hour
    from jupyter_mlops.stats.batch import Layout

MOST: Final = 40
"""The newest batches that are told: as many periods as accuracy measures by everything."""
FEWEST_ROWS: Final = 2


def cut(ws: Workspace, deployment: str, span: Window) -> Window:
    """Return a window cut into its newest batches, where it is cut by batch; else as it is."""
    import pyarrow.compute as pc

    if span.by != "batch":
        return span
    log = ws.telemetry.read_requests(deployment, span.since, span.until)
    many = log.filter(pc.fill_null(pc.greater_equal(log["rows"], FEWEST_ROWS), False))
    moments = sorted(set(many["at"].to_pylist()))
    return replace(span, batches=tuple(moments[-MOST:]), left_out=max(len(moments) - MOST, 0))


def told(span: Window) -> Batches:
    """Say which batches the periods of an answer are."""
    n = len(span.batches)
    if not n:
        because = tell("No request in this time had more than one row.")
    elif span.left_out:
        because = tell(
            "The periods are the newest {n} requests with more than one row; {more} older ones are left out.",
            n=n,
            more=f"{span.left_out:,}",
        )
    else:
        because = tell("The periods are the {n} requests with more than one row.", n=n)
    return Batches(n=n, left_out=span.left_out, because=because)


def requests(
    ws: Workspace, deployment: str, span: Window, versions: Any = ()
) -> list[tuple[datetime, Traffic]]:
    """Return the traffic of each batch; of some versions, or of all."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not span.batches:
        return []
    inner = within(span)
    log = _of(span, ws.telemetry.read_requests(deployment, inner.since, inner.until))
    log = log.filter(pc.fill_null(pc.greater_equal(log["rows"], FEWEST_ROWS), False))
    if versions:
        log = log.filter(pc.is_in(log["version"], value_set=pa.array(versions, pa.string())))
    return [
        (at, traffic_of(log.filter(pc.equal(log["at"], pa.scalar(at, log["at"].type)))))
        for at in span.batches
    ]


def rows(ws: Workspace, deployment: str, span: Window, columns: Any = None) -> Iterator[pa.Table]:
    """Return the rows of the batches, file by file."""
    if span.batches:
        for table in rawrows.rows(ws, deployment, within(span), columns):
            yield _of(span, table)


def hours(
    ws: Workspace, serving: Champion, span: Window, *, layout: Layout, segment: str = ""
) -> list[Hour]:
    """Return what a version answered in each batch, in the few cells that pictures show."""
    import pyarrow.compute as pc

    chosen = Slice(segment, serving.features) if segment else None
    found = []
    for table in rows(ws, serving.deployment, span):
        own = table.filter(pc.equal(table["version"], serving.ref))
        for key, batch in keyed(chosen.of(own) if chosen else own, unit="microsecond"):
            found.append(profiles.hour_of(key.hour, batch_of(batch, layout)))
    return found


def within(span: Window) -> Window:
    """Return the part of a window from its first batch to its last one."""
    return replace(span, since=span.batches[0], until=span.batches[-1] + TICK, goes_on=False)


def _of(span: Window, table: pa.Table) -> pa.Table:
    import pyarrow as pa
    import pyarrow.compute as pc

    moments = pa.array(span.batches, table["at"].type)
    return table.filter(pc.is_in(table["at"], value_set=moments))
