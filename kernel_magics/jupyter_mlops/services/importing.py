"""Taking over what MLflow's registry holds: models that can be opened, and the record of all others."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlmodel

from jupyter_mlops.domain import audit as chain
from jupyter_mlops.domain import imported
from jupyter_mlops.domain import registry as rules
from jupyter_mlops.domain.arguments import Names, Store, deed
from jupyter_mlops.domain.imported import Imported, ImportedRow
from jupyter_mlops.errors import MlopsError, Unsafe
from jupyter_mlops.locale import tell
from jupyter_mlops.services import kinship, lookup
from jupyter_mlops.services.mlflow.wording import because
from jupyter_mlops.services.workspace import Deed, Workspace
from jupyter_mlops.store import tables

if TYPE_CHECKING:
    from sqlmodel import Session


@deed(prepare="services.mlflow.reading:prepare")
def import_mlflow(
    ws: Workspace,
    source: Store,
    *,
    artifacts: str = "",  # noqa: ARG001  (read where the registry is, by the first half)
    only: Names = (),  # noqa: ARG001  (as above)
    rename: dict[str, str] | None = None,  # noqa: ARG001  (as above)
    dry_run: bool = False,
) -> Imported:
    """Take over MLflow's registry, from its folder `mlruns` or its database, with its history.

    Each version comes with its run's parameters, metrics and tags, its stage and aliases, and who
    registered it when, as MLflow tells it; none of that approves anything here. A model that was
    logged in the skops format can be served. Of any other only the record comes along: a pickle is
    never opened. What is here already is left as it is, so that it can be said again. `--dry-run` only
    shows what would come.

    `import_mlflow mlruns/`, `import_mlflow mlflow.db`, `import_mlflow postgresql://HOST/DATABASE`.
    `--artifacts` names the folder with the models' files where they are not beside it, `--only` the
    models to take, `--rename '{"my model": "my-model"}'` the names they get here.
    """
    digest, data = _sent(ws, source, dry_run=dry_run)
    told = imported.catalogue(data)
    items = [_skipped(one["was"], one["because"]) for one in told["skipped"]]
    for step, model in enumerate(told["models"]):
        ws.progress(model["name"], step / len(told["models"]))
        try:
            items += _planned(ws, model) if dry_run else _taken(ws, model, told["source"], digest)
        except MlopsError as error:
            items.append(_skipped(model["was"], tell(error.template, **error.values)))
    return Imported(
        source=told["source"],
        digest=digest,
        dry_run=dry_run,
        items=items,
        because=_summed(items, dry_run=dry_run),
    )


def _sent(ws: Workspace, source: Any, *, dry_run: bool) -> tuple[str, bytes]:
    """Return the list that the first half wrote: kept by its digest, or said where nothing is kept."""
    sent = source.get("told" if dry_run else "$blob") if isinstance(source, Mapping) else None
    if not isinstance(sent, str):
        raise imported.shapeless("source")
    return ("", sent.encode("utf-8", "replace")) if dry_run else (sent, ws.artifacts.get(sent))


@dataclass
class _Shelf:
    """A model here, and of its versions numbers, digests, artifacts, and what was taken over before."""

    parent: tables.Model
    numbers: set[int]
    digests: dict[str, str]
    artifacts: dict[str, str]
    known: dict[tuple[str, str, str], str]

    def number(self, wanted: int) -> int:
        """Return the number that a version had, or the next where another one has it here."""
        return max(self.numbers) + 1 if wanted in self.numbers else wanted

    def add(self, number: int, digest: str, artifact: str) -> str:
        """Remember a version, and return how people write it."""
        ref = f"{self.parent.name}:{number}"
        self.numbers.add(number)
        self.digests[digest] = ref
        self.artifacts.setdefault(artifact, ref)
        return ref


def _taken(ws: Workspace, model: Mapping[str, Any], source: str, digest: str) -> list[ImportedRow]:
    """Remember the versions of a model that are not here yet: all of them, or none."""
    with ws.act("model:import", subject=f"model:{model['name']}") as act:
        parent = lookup.model_named(act.session, model["name"]) or _model(ws, act, model)
        shelf = _shelf(act.session, parent)
        rows = []
        for version in model["versions"]:
            if ref := shelf.known.get(imported.identity(model["was"], version)):
                rows.append(_row("known", model, version, ref, ""))
            else:
                rows.append(_remember(ws, act, shelf, model, version, digest))
        new = [row for row in rows if row["outcome"] != "known"]
        if not new:
            act.nothing()
        act.after = {
            "from": source,
            "read": digest,
            "registered": sum(row["outcome"] == "registered" for row in new),
            "recorded": sum(row["outcome"] == "recorded" for row in new),
            "known": len(rows) - len(new),
            "versions": {row["ref"]: row["was"] for row in new},
        }
    return rows


def _planned(ws: Workspace, model: Mapping[str, Any]) -> list[ImportedRow]:
    """Say what would become of the versions of a model."""
    with ws.look() as session:
        parent = lookup.model_named(session, model["name"])
        known = _shelf(session, parent).known if parent else {}
    rows = []
    for version in model["versions"]:
        if ref := known.get(imported.identity(model["was"], version)):
            rows.append(_row("known", model, version, ref, ""))
            continue
        why = because(version["why"], version["detail"])
        rows.append(_row("recorded" if why else "registered", model, version, "", why))
    return rows


def _model(ws: Workspace, act: Deed, model: Mapping[str, Any]) -> tables.Model:
    made = tables.Model(
        name=model["name"],
        target="",
        task=imported.UNKNOWN,
        classes=[],
        risk="moderate",
        owner="",
        purpose="",
        unit="",
        description=model["description"],
        at=ws.now(),
    )
    act.session.add(made)
    act.session.flush()
    return made


def _shelf(session: Session, parent: tables.Model) -> _Shelf:
    row = tables.Version
    rows = session.exec(
        sqlmodel.select(row.number, row.digest, row.manifest, row.lineage)
        .where(row.model_id == parent.id)
        .order_by(sqlmodel.col(row.number))
    ).all()
    found = _Shelf(parent, set(), {}, {}, {})
    for number, digest, manifest, lineage in rows:
        ref = found.add(number, digest, json.loads(manifest)["artifact"])
        told = lineage.get("elsewhere") or {}
        if told.get("workspace") == imported.ORIGIN:
            run = (told["run"] or {}).get("id", "")
            found.known[told["ref"], run, told["registered_at"]] = ref
    return found


def _remember(
    ws: Workspace,
    act: Deed,
    shelf: _Shelf,
    model: Mapping[str, Any],
    version: dict[str, Any],
    read: str,
) -> ImportedRow:
    parent = shelf.parent
    artifact = _openable(ws, act.session, shelf, version)
    written = _manifest(ws, model, version, artifact)
    digest = chain.digest(written)
    if ref := shelf.digests.get(digest):
        return _row("known", model, version, ref, "")
    about = artifact["about"] if artifact else {}
    run, used = version["run"] or {}, json.loads(written)["artifact"]
    row = tables.Version(
        model_id=parent.id,
        number=shelf.number(version["number"]),
        digest=digest,
        manifest=written,
        risk=parent.risk,
        tags=imported.tags(version),
        description=version["description"],
        metrics=imported.figures(run.get("metrics", {})),
        measured_by="elsewhere",
        compiled=_uncompiled(),
        lineage={
            "about": about or {"parameters": run.get("params", {})},
            "artifact": used,
            "data": {},
            "protected": [],
            "elsewhere": _elsewhere(model, version, read),
        },
        author=ws.actor.to_dict(),
        at=ws.now(),
    )
    act.session.add(row)
    act.session.flush()
    outcome: imported.Outcome = "registered" if artifact else "recorded"
    ref = shelf.add(row.number, row.digest, used)
    return _row(outcome, model, version, ref, because(version["why"], version["detail"]))


def _openable(
    ws: Workspace, session: Session, shelf: _Shelf, version: dict[str, Any]
) -> dict[str, Any] | None:
    """Return the model of a version, if it can be kept under this name; else say why it is not."""
    told: dict[str, Any] | None = version["model"]
    if told is None:
        return None
    from jupyter_mlops import formats

    if formats.sniff(ws.artifacts.get(told["$blob"])) != "skops":
        raise Unsafe(
            "Artifact {digest} is not in the {format} format it claims.",
            "register the model from the process that trained it: it is packed there.",
            code="unsafe_format",
            digest=told["$blob"],
            format="skops",
        )
    kindred = rules.Kindred(shelf.parent.target, told["task"], told["classes"])
    try:
        kinship.settle(session, shelf.parent, kindred)
    except MlopsError as error:
        version["why"], version["detail"] = "refused", tell(error.template, **error.values)
        return None
    if same := shelf.artifacts.get(told["$blob"]):
        version["why"], version["detail"] = "same", same
        return None
    return told


def _manifest(
    ws: Workspace,
    model: Mapping[str, Any],
    version: Mapping[str, Any],
    artifact: Mapping[str, Any] | None,
) -> str:
    import rfc8785

    if artifact is None:
        record: bytes = rfc8785.dumps(imported.record(model["was"], version))
        told = rules.manifest(
            artifact=ws.artifacts.put(record),
            format=imported.RECORD,
            compiled=None,
            kindred=rules.Kindred("", imported.UNKNOWN, []),
            features=[],
            requirements={},
            profile=None,
        )
    else:
        told = rules.manifest(
            artifact=artifact["$blob"],
            format="skops",
            compiled=None,
            kindred=rules.Kindred("", artifact["task"], artifact["classes"]),
            features=artifact["features"],
            requirements=artifact["requirements"],
            profile=None,
        )
    written: bytes = rfc8785.dumps(told)
    return written.decode()


def _uncompiled() -> dict[str, Any]:
    from jupyter_mlops.formats.parity import Parity

    return {**Parity.none("no_sample").to_dict(), "form": ""}


def _elsewhere(model: Mapping[str, Any], version: Mapping[str, Any], digest: str) -> dict[str, Any]:
    """Return what MLflow says of a version: claims, none of them verified, which approve nothing."""
    kept = ("stage", "aliases", "tags", "source", "flavors", "run", "why", "detail")
    return {
        "workspace": imported.ORIGIN,
        "ref": f"{model['was']}:{version['number']}",
        "read": digest,
        "registered_at": version["at"],
        "registered_by": version["by"],
        "decisions": [],
        "model_tags": model["tags"],
        **{name: version[name] for name in kept},
    }


def _row(
    outcome: imported.Outcome,
    model: Mapping[str, Any],
    version: Mapping[str, Any],
    ref: str,
    why: str,
) -> ImportedRow:
    return ImportedRow(
        outcome=outcome,
        was=f"{model['was']}:{version['number']}",
        ref=ref,
        stage=version["stage"],
        aliases=list(version["aliases"]),
        run=(version["run"] or {}).get("id", ""),
        registered_at=version["at"],
        registered_by=version["by"],
        because=why,
    )


def _skipped(was: str, why: str) -> ImportedRow:
    return ImportedRow(
        outcome="skipped",
        was=was,
        ref="",
        stage="",
        aliases=[],
        run="",
        registered_at="",
        registered_by="",
        because=why,
    )


def _summed(items: Sequence[ImportedRow], *, dry_run: bool) -> str:
    n = dict(_counted(items))
    if dry_run:
        return tell(
            "Would come with their model: {registered}, as a record: {recorded}."
            " Here already: {known}. Skipped: {skipped}.",
            **n,
        )
    return tell(
        "Came with their model: {registered}, as a record: {recorded}."
        " Here already: {known}. Skipped: {skipped}.",
        **n,
    )


def _counted(items: Sequence[ImportedRow]) -> Iterator[tuple[str, int]]:
    for outcome in ("registered", "recorded", "known", "skipped"):
        yield outcome, sum(row["outcome"] == outcome for row in items)
