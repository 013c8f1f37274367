"""Models and their versions: remember and show."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, cast

from jupyter_mlops.domain import audit as chain
from jupyter_mlops.domain import lineage as lineages
from jupyter_mlops.domain import registry as rules
from jupyter_mlops.domain.access import as_person
from jupyter_mlops.domain.access import label as assurance_label
from jupyter_mlops.domain.answers import Compiled, Risk
from jupyter_mlops.domain.answers import Version as VersionAnswer
from jupyter_mlops.domain.arguments import Frame, Model, ModelName, Names, Ref, Time, deed, read
from jupyter_mlops.domain.names import check_name, iso, parse_time
from jupyter_mlops.errors import Corrupt, Unsafe
from jupyter_mlops.locale import tell
from jupyter_mlops.services import elsewhere as absent
from jupyter_mlops.services import (
    holds,
    kinship,
    limits,
    lookup,
    references,
    retold,
    surroundings,
    underway,
)
from jupyter_mlops.services.packing import figures
from jupyter_mlops.services.release import remembered
from jupyter_mlops.services.workspace import Deed, Workspace

if TYPE_CHECKING:
    from sqlmodel import Session

    from jupyter_mlops.store import tables


@deed(prepare="services.packing:prepare_register")
def register(
    ws: Workspace,
    model: Model = None,
    *,
    name: ModelName,
    train: Frame = None,
    target: str | None = None,
    holdout: Frame = None,
    time: str | None = None,  # noqa: ARG001  (read where the frame is, by the first half)
    id: str | None = None,  # noqa: ARG001  (as above)
    protected: Names = (),
    risk: Risk = "moderate",
    purpose: str = "",
    owner: str = "",
    unit: str = "",
    description: str = "",
    tags: Names = (),
    metrics: dict[str, float] | None = None,
    format: Literal["auto", "skops"] = "auto",  # noqa: ARG001  (as above)
    elsewhere: str = "",  # noqa: ARG001  (as above)
    token_from: str = "",  # noqa: ARG001  (as above)
    task: Literal["", "binary", "multiclass", "regression"] = "",  # noqa: ARG001  (as above)
    classes: Names = (),  # noqa: ARG001  (as above)
) -> VersionAnswer:
    """Remember a fitted model as a new version, with its signature, figures and lineage.

    The same model registered twice is the same version; a lineage that is proven by then, by a run from
    the top, takes the place of one that was not. `train` freezes the reference that drift
    is measured against; `holdout`, rows the model has not seen, gives the metrics. `target` names
    the column with the truth, `id` and `time` columns that no model reads, `protected` attributes
    such as sex that decisions must be fair to. High and critical risk want `purpose`, `owner` and
    `unit` to be stated, now or by an earlier version.

    A model that runs elsewhere is named by the address it answers at (`register https://HOST/PATH`):
    it is asked some rows of `train` there and then; `token_from` names the environment variable
    with its address and token. One that cannot be asked is known by a word for where it runs
    (`elsewhere`). `task` and `classes` are said where the data do not show them.
    """
    check_name(name, what="model")
    absent.check(ws, model)
    lineages.check_size(model.get("lineage", {}))
    for tag in tags:
        check_name(tag, what="tag")
    rules.check_risk(risk)
    with ws.act("version:registration", subject=f"model:{name}") as act:
        kindred = rules.Kindred(target or "", model["task"], model["classes"])
        parent = _model(ws, act, name, kindred, risk, purpose, owner, unit, description)
        stated = {"purpose": parent.purpose, "owner": parent.owner, "unit": parent.unit}
        rules.check_stated(name, risk, stated)
        written = _manifest(ws, model, kindred, train, holdout)
        known = _version_with(act.session, parent, chain.digest(written))
        if known is not None:
            rules.check_same_risk(f"{name}:{known.number}", known=known.risk, asked=risk)
            _prove(ws, act, f"version:{name}:{known.number}", known, model.get("lineage", {}))
            return shown(act.session, parent, known, new=False)
        version = _remember(
            ws,
            act,
            parent,
            written,
            model=model,
            train=train,
            holdout=holdout,
            risk=risk,
            tags=tags,
            metrics=metrics,
            description=description,
            protected=protected,
        )
        act.subject = f"version:{name}:{version.number}"
        act.after = {"digest": version.digest, "risk": risk, "number": version.number}
        return shown(act.session, parent, version, new=True)


@read()
def show(ws: Workspace, ref: Ref, *, as_of: Time | None = None) -> VersionAnswer:
    """Show a version whole: what it reads, how good it is, where it came from, where it serves.

    With `as_of`: where it served then, and what its release checks had said; an alias is what it meant.
    """
    at = iso(parse_time(as_of, now=ws.clock())) if as_of else ""
    with ws.look() as session:
        parent, version = lookup.version(session, ref, at)
        return shown(session, parent, version, new=False, at=at)


def read_manifest(version: tables.Version) -> dict[str, Any]:
    """Return the manifest of a version after checking that it is the one that was digested."""
    if chain.digest(version.manifest) != version.digest:
        raise Corrupt(
            "The manifest of version {digest} was changed after registration.",
            "`audit --verify` says what else was.",
            code="manifest_changed",
            digest=version.digest,
        )
    told: dict[str, Any] = json.loads(version.manifest)
    return told


def shown(
    session: Session, parent: tables.Model, version: tables.Version, *, new: bool, at: str = ""
) -> VersionAnswer:
    """Return a version in the shape that answers carry, as it is or was at a moment."""
    from jupyter_mlops.store import tables

    manifest = json.loads(version.manifest)
    away = session.get(tables.Archived, version.id)
    named = f"version:{parent.name}:{version.number}"
    checked = remembered.newest(session, version, at)
    return VersionAnswer(
        ref=f"{parent.name}:{version.number}",
        name=parent.name,
        number=version.number,
        digest=version.digest,
        format=manifest["format"],
        task=manifest["task"],
        target=manifest["target"],
        classes=manifest["classes"],
        risk=cast("Risk", version.risk),
        purpose=parent.purpose,
        owner=parent.owner,
        unit=parent.unit,
        description=version.description or parent.description,
        tags=version.tags,
        features=manifest["features"],
        protected=version.lineage.get("protected", []),
        metrics=version.metrics,
        measured_by=version.measured_by,
        compiled=cast("Compiled", version.compiled),
        lineage=version.lineage,
        warnings=retold.warnings(version.lineage),
        deployments=lookup.live_deployments(session, version, at),
        tried=[] if at else underway.of_version(session, version),
        created_at=version.at,
        created_by=as_person(
            version.author, label=tell(assurance_label(version.author["assurance"]), name="")
        ),
        environment=surroundings.differing(version),
        footprint=surroundings.footprint(session, version),
        checks=remembered.told(checked),
        checked_at=checked[0].at if checked else "",
        held=holds.held(session, [named]).get(named, ""),
        archived=away.at if away else "",
        new=new,
    )


def _model(
    ws: Workspace,
    act: Deed,
    name: str,
    kindred: rules.Kindred,
    risk: str,
    purpose: str,
    owner: str,
    unit: str,
    description: str,
) -> tables.Model:
    from jupyter_mlops.store import tables

    known = lookup.model_named(act.session, name)
    if known is not None:
        kinship.settle(act.session, known, kindred)
        _say_more(known, purpose=purpose, owner=owner, unit=unit)
        return known
    made = tables.Model(
        name=name,
        target=kindred.target,
        task=kindred.task,
        classes=list(kindred.classes),
        risk=risk,
        purpose=purpose,
        owner=owner,
        unit=unit,
        description=description,
        at=ws.now(),
    )
    act.session.add(made)
    act.session.flush()
    return made


def _say_more(model: tables.Model, **said: str) -> None:
    """Let a later registration say what an earlier one left out, or say it anew."""
    for name, text in said.items():
        if text:
            setattr(model, name, text)


def _manifest(
    ws: Workspace, model: Mapping[str, Any], kindred: rules.Kindred, train: Any, holdout: Any
) -> str:
    import rfc8785

    _check_bytes(ws, model)
    digests = references.digests(train, holdout)
    told = rules.manifest(
        artifact=model["$blob"],
        format=model["format"],
        compiled=(model.get("compiled") or {}).get("$blob"),
        kindred=kindred,
        features=model["features"],
        requirements=model["requirements"],
        profile=digests.pop(references.TRAINING, None),
        limits=limits.digest(model.get("limits")),
        references=digests,
    )
    written: bytes = rfc8785.dumps(told)
    return written.decode()


def _check_bytes(ws: Workspace, model: Mapping[str, Any]) -> None:
    """Refuse bytes that are not in the format they claim, or hold what is not loaded, unremembered."""
    from jupyter_mlops import formats

    claimed = [(model["$blob"], frozenset({model["format"]}), model["format"])]
    if fast := (model.get("compiled") or {}).get("$blob"):
        claimed.append((fast, formats.COMPILED, "compiled"))
    for digest, allowed, format in claimed:
        data = ws.artifacts.get(digest)
        if formats.sniff(data) in allowed:
            formats.check(data)
            continue
        raise Unsafe(
            "Artifact {digest} is not in the {format} format it claims.",
            "register the model from the process that trained it: it is packed there.",
            code="unsafe_format",
            digest=digest,
            format=format,
        )


def _version_with(session: Session, parent: tables.Model, digest: str) -> tables.Version | None:
    from sqlmodel import select

    from jupyter_mlops.store.tables import Version

    return session.exec(
        select(Version).where(Version.model_id == parent.id, Version.digest == digest)
    ).first()


def _prove(
    ws: Workspace, act: Deed, subject: str, known: tables.Version, told: Mapping[str, Any]
) -> None:
    """Keep what its author tells of a version's origin now when it proves what was not proven before."""
    found = lineages.proven(told, known.lineage)
    if found is None or known.author.get("id") != ws.actor.id:
        act.nothing()
        return
    act.action, act.subject = "version:lineage", subject
    act.before, act.after = (
        {"state": lineages.state(one), "cells": len(lineages.listed(one, "cells"))}
        for one in (known.lineage, found)
    )
    known.lineage = dict(found)
    act.session.add(known)


def _remember(
    ws: Workspace,
    act: Deed,
    parent: tables.Model,
    written: str,
    *,
    model: Mapping[str, Any],
    train: Any,
    holdout: Any,
    risk: str,
    tags: Sequence[str],
    metrics: Mapping[str, float] | None,
    description: str,
    protected: Sequence[str],
) -> tables.Version:
    from jupyter_mlops.store import tables

    number = lookup.last_number(act.session, parent) + 1
    record = {k: v for k, v in (model.get("compiled") or {}).items() if k != "$blob"}
    data = {
        part: {"digest": told["digest"], "rows": told["rows"]}
        for part, told in (("train", train), ("holdout", holdout))
        if told
    }
    version = tables.Version(
        model_id=parent.id,
        number=number,
        digest=chain.digest(written),
        manifest=written,
        risk=risk,
        tags=list(tags),
        description=description,
        metrics=figures(holdout, metrics),
        measured_by="client",
        compiled=record,
        lineage={
            **model.get("lineage", {}),
            "about": model.get("about", {}),
            "artifact": model["$blob"],
            "data": data,
            "sample": (train or {}).get("sample", {}).get("$blob"),
            "protected": list(protected),
        },
        author=ws.actor.to_dict(),
        at=ws.now(),
    )
    act.session.add(version)
    act.session.flush()
    limits.remember(act.session, version, model.get("limits"), now=ws.now())
    references.freeze(act.session, version, train, holdout, now=ws.now())
    return version
