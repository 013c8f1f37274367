"""Where a version comes from, to the cell, and where it went, to the prediction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import sqlmodel

from jupyter_mlops.domain import lineage as told
from jupyter_mlops.domain.arguments import Ref, Time, read
from jupyter_mlops.domain.lineage import Layer, Lineage, LineageEdge, LineageNode
from jupyter_mlops.domain.names import iso, parse_time
from jupyter_mlops.locale import tell
from jupyter_mlops.services import lookup, profiles, retold, standing
from jupyter_mlops.services.window import Window
from jupyter_mlops.services.workspace import Workspace
from jupyter_mlops.store import tables

if TYPE_CHECKING:
    from sqlmodel import Session

MOST_DECISIONS: Final = 200
"""Requests of a version that are followed; of more, the newest."""
LAST: Final = "9999"
"""A moment after all others, as moments are written."""
_SHOWN_DIGEST: Final = 19
_BEGINNING: Final = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass
class Graph:
    """Things and what led to what, in the order they are drawn."""

    nodes: dict[str, LineageNode] = field(default_factory=dict)
    edges: list[LineageEdge] = field(default_factory=list)

    def add(
        self, kind: Layer, key: str, name: str, detail: str, at: str | None = None, digest: str = ""
    ) -> str:
        """Add a thing once, and return its id."""
        id = f"{kind}:{key}"
        node = LineageNode(id=id, kind=kind, name=name, detail=detail, at=at)
        if digest:
            node["digest"] = digest
        self.nodes.setdefault(id, node)
        return id

    def link(self, source: str, target: str) -> None:
        """Say that one thing led to another."""
        edge = LineageEdge(source=source, target=target)
        if edge not in self.edges:
            self.edges.append(edge)

    def count(self, kind: Layer) -> int:
        """Return how many things of a kind there are."""
        return sum(node["kind"] == kind for node in self.nodes.values())


@read()
def lineage(ws: Workspace, ref: Ref, *, as_of: Time | None = None) -> Lineage:
    """Trace a version from its data and the cells that made it to decisions, deployments and predictions.

    The cells are those that had a part, in the order they really ran. What is not known is said as
    well: a front end may give neither path nor ids, and a script has no cells. A warning says when the
    notebook, run from the top, would not give this version again. With `as_of` it is told what had
    become of the version by then: requests, decisions, deployments and predictions.
    """
    then = parse_time(as_of, now=ws.clock()) if as_of else None
    known_until = iso(then) if then else ""
    with ws.look() as session:
        parent, version = lookup.version(session, ref, known_until)
        name = f"{parent.name}:{version.number}"
        graph = Graph()
        made = _made(graph, version.lineage, name, version)
        before = _parent(session, parent, version)
        if before:
            earlier = f"{parent.name}:{before.number}"
            said = tell("the version before")
            graph.link(
                graph.add("version", before.digest, earlier, said, before.at, before.digest), made
            )
            _put_last(graph, made)
        places = _decided(session, graph, version, made, known_until)
    _answered(ws, graph, name, places, then)
    return Lineage(
        ref=name,
        because=_because(graph, version.lineage, name),
        state=told.state(version.lineage),
        warnings=retold.warnings(version.lineage),
        unknown=retold.unknown(version.lineage),
        items=list(graph.nodes.values()),
        edges=graph.edges,
        cells=told.cells(version.lineage),
        git=dict(told.held(version.lineage, "git")),
        environment=_environment(version.lineage),
    )


def _made(graph: Graph, lineage: Mapping[str, Any], name: str, version: tables.Version) -> str:
    """Add what the version was made of, and the version; return its id."""
    read_by = dict(_data(graph, lineage))
    book = retold.notebook(lineage)
    cells = [] if told.text(lineage, "script") else told.cells(lineage)
    at = _notebook(graph, lineage, book) if book else None
    made = graph.add("version", version.digest, name, _about(lineage), version.at, version.digest)
    first = None
    for n, cell in enumerate(cells):
        id = graph.add("cell", f"{n}", retold.where(dict(cell)), _first_line(cell), cell["at"])
        first = first or id
        graph.link(id, made)
        for data, by in read_by.items():
            if by and by == cell["cell"]:
                graph.link(data, id)
    _put_last(graph, made)
    if at and first:
        graph.link(at, first)
    elif at:
        graph.link(at, made)
    linked = {edge["source"] for edge in graph.edges}
    for data in read_by:
        if data not in linked:
            graph.link(data, first or at or made)
    return made


def _put_last(graph: Graph, id: str) -> None:
    graph.nodes[id] = graph.nodes.pop(id)


def _notebook(graph: Graph, lineage: Mapping[str, Any], book: str) -> str:
    git = told.held(lineage, "git")
    commit = told.text(git, "commit", 40)[:10]
    if commit and git.get("dirty"):
        commit = tell("{commit} and changes since", commit=commit)
    said = [commit, told.text(git, "remote", 200)]
    kind: Layer = "script" if told.text(lineage, "script") else "notebook"
    return graph.add(kind, book, book, " · ".join(filter(None, said)))


def _data(graph: Graph, lineage: Mapping[str, Any]) -> Iterator[tuple[str, str | None]]:
    """Add each source of the frames, and return which cell read it; a frame without one stands itself."""
    kept = told.held(lineage, "data")
    for part in kept:
        rows = told.whole(told.held(kept, part), "rows")
        digest = told.text(told.held(kept, part), "digest", 80)
        word = tell("training data") if part == "train" else tell("holdout")
        size = tell("{n} rows", n=f"{rows:,}") if rows is not None else ""
        found = told.listed(told.held(told.held(lineage, "frames"), part), "sources")
        for one in found:
            yield _source(graph, one, word), told.text(one, "cell", 200) or None
        if not found:
            detail = " · ".join(filter(None, [size, digest[:_SHOWN_DIGEST]]))
            yield graph.add("data", part, word, detail, None, digest), None


def _source(graph: Graph, one: Mapping[str, Any], word: str) -> str:
    said, written = told.text(one, "said"), told.text(one, "written")
    digest = told.text(one, "digest", 80)
    detail = " · ".join(filter(None, [word, told.text(one, "how", 60), digest[:_SHOWN_DIGEST]]))
    return graph.add("data", digest or said or written, said or written, detail, None, digest)


def _about(lineage: Mapping[str, Any]) -> str:
    about = told.held(lineage, "about")
    words = {
        "clean": tell("runs from the top"),
        "hidden": tell("does not run from the top"),
        "unknown": "",
    }
    return " · ".join(filter(None, [told.text(about, "estimator", 80), words[told.state(lineage)]]))


def _first_line(cell: told.LineageCell) -> str:
    lines = [line.strip() for line in cell["source"].splitlines() if line.strip()]
    more = f" (+{len(lines) - 1})" if len(lines) > 1 else ""
    return (lines[0][:80] if lines else "") + more


def _parent(
    session: Session, parent: tables.Model, version: tables.Version
) -> tables.Version | None:
    """Return the version that came before under the same name."""
    kept = tables.Version
    return session.exec(
        sqlmodel.select(kept)
        .where(kept.model_id == parent.id, kept.number < version.number)
        .order_by(sqlmodel.col(kept.number).desc())
    ).first()


def _decided(
    session: Session, graph: Graph, version: tables.Version, made: str, known_until: str
) -> dict[str, str]:
    """Add requests, decisions and what was carried out, by then; return the deployments by name."""
    last = known_until or LAST
    asked = session.exec(
        sqlmodel.select(tables.Request)
        .where(tables.Request.version_id == version.id, tables.Request.at <= last)
        .order_by(sqlmodel.col(tables.Request.id).desc())
        .limit(MOST_DECISIONS)
    ).all()
    decided = _decisions(session, [one.id for one in asked], last)
    carried = _rollouts(session, [one.id for one in asked], last)
    places: dict[str, str] = {}
    for one in reversed(asked):
        withdrawn = any(said.at <= last for said in standing.withdrawals(session, one))
        decision = _decision(graph, one, decided.get(one.id, []), withdrawn=withdrawn)
        graph.link(made, decision)
        for rollout, name in carried.get(one.id, []):
            said = _lived(rollout, last)
            id = graph.add("deployment", name, name, said, rollout.since or rollout.at)
            places[name] = id
            graph.nodes[id]["detail"] = said
            graph.link(decision, id)
    return places


def _decisions(session: Session, ids: Sequence[int], last: str) -> dict[int, list[tables.Decision]]:
    found: dict[int, list[tables.Decision]] = {}
    kept = tables.Decision
    query = sqlmodel.select(kept).where(sqlmodel.col(kept.request_id).in_(ids), kept.at <= last)
    for one in session.exec(query.order_by(sqlmodel.col(kept.id))):
        found.setdefault(one.request_id, []).append(one)
    return found


def _rollouts(
    session: Session, ids: Sequence[int], last: str
) -> dict[int, list[tuple[tables.Rollout, str]]]:
    found: dict[int, list[tuple[tables.Rollout, str]]] = {}
    query = (
        sqlmodel.select(tables.Rollout, tables.Deployment.name)
        .where(tables.Rollout.deployment_id == tables.Deployment.id)
        .where(sqlmodel.col(tables.Rollout.request_id).in_(ids), tables.Rollout.at <= last)
        .order_by(sqlmodel.col(tables.Rollout.id))
    )
    for rollout, name in session.exec(query):
        found.setdefault(rollout.request_id, []).append((rollout, name))
    return found


def _decision(
    graph: Graph, asked: tables.Request, decisions: Sequence[tables.Decision], *, withdrawn: bool
) -> str:
    words = {
        "approved": tell("approved by"),
        "rejected": tell("rejected by"),
        "break-glass": tell("carried out alone (break-glass) by"),
    }
    said = [f"{words[one.outcome]} {one.person}" for one in decisions[:3]]
    where = tell("for {name}", name=asked.deployment)
    said = [*(said or [tell("not decided yet")]), *([tell("withdrawn")] if withdrawn else [])]
    detail = " · ".join([where, *said])
    at = decisions[-1].at if decisions else asked.at
    return graph.add("decision", f"{asked.id}", tell("request {id}", id=asked.id), detail, at)


def _lived(rollout: tables.Rollout, last: str) -> str:
    words = {
        "live": tell("live"),
        "loading": tell("loading"),
        "ended": tell("ended"),
        "failed": tell("failed"),
    }
    state = _state(rollout, last)
    role = tell("champion") if rollout.role == "champion" else tell("challenger")
    return f"{role} · {words.get(state, state)}"


def _state(rollout: tables.Rollout, last: str) -> str:
    """Return how a rollout stood at a moment; one that never was live was loading until it failed."""
    if rollout.until and rollout.until <= last:
        return rollout.state
    if rollout.since and rollout.since <= last:
        return "live" if rollout.until else rollout.state
    return "loading" if rollout.since else rollout.state


def _answered(
    ws: Workspace, graph: Graph, ref: str, places: Mapping[str, str], then: datetime | None
) -> None:
    """Add how much each deployment answered by this version, from profiles: traffic costs nothing."""
    until = then or ws.clock() + timedelta(hours=1)
    span = Window(_BEGINNING, until, "month", as_of=then, goes_on=not then)
    for name, id in places.items():
        n = sum(one.answered for _, one in profiles.requests(ws, name, span, versions=(ref,)))
        if n:
            title = tell("{n} predictions", n=f"{n:,}")
            graph.link(id, graph.add("predictions", name, title, name))


def _environment(lineage: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "python": told.text(lineage, "python", 40),
        "platform": told.text(lineage, "platform", 200),
        "distributions": dict(
            told.held(lineage, "distributions") or told.held(lineage, "packages")
        ),
    }


def _because(graph: Graph, lineage: Mapping[str, Any], name: str) -> str:
    """Say in one sentence what the version is made of and what came of it."""
    cells, book = graph.count("cell"), retold.notebook(lineage)
    book = book or tell("a notebook without a name")
    made = tell("{ref} was made by {book}, {n} cells", ref=name, n=cells, book=book)
    if cells <= 1:
        made = tell("{ref} was made by {book}", ref=name, book=book)
    if not told.cells(lineage):
        made = tell("Which code made {ref} is not known", ref=name)
    data, asked = graph.count("data"), graph.count("decision")
    places = graph.count("deployment")
    counted = [
        tell("1 source of data") if data == 1 else tell("{n} sources of data", n=data),
        tell("1 request") if asked == 1 else tell("{n} requests", n=asked),
        tell("1 deployment") if places == 1 else tell("{n} deployments", n=places),
    ]
    came = [said for said, n in zip(counted, (data, asked, places), strict=True) if n]
    return " · ".join([made, *came])
