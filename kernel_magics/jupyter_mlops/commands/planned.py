"""Models and deployments as a file in a repository says they should be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from jupyter_mlops.commands.checkout import Source, opened
from jupyter_mlops.commands.session import Session
from jupyter_mlops.domain import planned
from jupyter_mlops.domain.arguments import deed, read
from jupyter_mlops.domain.planned import Asked, Model, Place, Plan, PlanStep, Present, Step, Wanted
from jupyter_mlops.errors import Invalid, NotFound, Refused
from jupyter_mlops.locale import tell
from jupyter_mlops.services import plainly

FILE: Final = "mlops.yaml"


@read(here=True)
def plan(session: Session, file: str = FILE, *, commit: str = "") -> Plan:
    """Say what it takes to have what a file asks for; nothing is changed.

    The file is YAML and stands in a repository, beside what it names:

        models:
          churn:
            file: models/churn.skops
            train: data/train.parquet
            holdout: data/holdout.parquet
            target: churned
            risk: high
            owner: Ann
            purpose: who is likely to leave
        deployments:
          churn-prod:
            model: churn          # its newest version, or churn:3
            rules: rules.yaml     # a file, or the rules themselves below `rules: |`

    Of a model it may say what `register` takes, of a deployment its `role` and a `reason` besides.
    `commit` takes all files as they were committed there, such as `main` or `v1.2`.
    """
    with opened(file, commit) as source:
        return _plan(session, source, takes=False)


@deed(here=True)
def apply(session: Session, file: str = FILE, *, commit: str = "") -> Plan:
    """Take the steps that `plan` shows, as far as they are yours to take.

    Models whose file or data differ are registered, what nobody was asked about is requested, what is
    approved is deployed, and rules are put in force, each with its own line in the audit log. Nothing
    is approved here: `apply` again goes on once somebody has decided. What the file does not name is
    left alone.
    """
    with opened(file, commit) as source:
        return _plan(session, source, takes=True)


def _plan(session: Session, source: Source, *, takes: bool) -> Plan:
    wanted = _read(source.path)
    found: list[tuple[Step, bool]] = []
    newest: dict[str, str] = {}
    for model in wanted.models:
        step = _registering(session, model)
        taken = takes and step.does == "register"
        if taken:
            step = replace(step, ref=session.say("register", _said(model))["ref"])
        newest[model.name] = step.ref
        found.append((step, taken))
    for place in wanted.places:
        ref = f"{place.model}:{place.number}" if place.number else newest.get(place.model)
        found += _followed(session, place, ref or _newest(session, place), takes=takes)
    items = [
        PlanStep(does=step.does, subject=step.subject, because=_because(step), done=done)
        for step, done in found
    ]
    return Plan(
        file=source.shown,
        commit=source.commit,
        dirty=source.dirty,
        items=items,
        because=_summed(items, takes=takes),
    )


def _followed(
    session: Session, place: Place, ref: str, *, takes: bool
) -> Iterator[tuple[Step, bool]]:
    """Yield the steps of a deployment, each taken where that is wanted and possible."""
    taken: list[str] = []
    while True:
        step = planned.carrying(place, ref, _present(session, place))
        can = takes and step.does in _TAKEN and step.does not in taken
        if can:
            _TAKEN[step.does](session, place, step)
        if can or not (taken and step.does == "keep"):
            yield step, can
        if not can:
            break
        taken.append(step.does)
    if place.rules is not None and place.role == "champion":
        step = planned.ruling(place, _present(session, place))
        if takes and step.does in _TAKEN:
            yield _ruled(session, place, step)
        else:
            yield step, False


def _request(session: Session, place: Place, step: Step) -> None:
    said = {"ref": step.ref, "for_deployment": place.name, "role": place.role}
    session.say("request", {**said, "reason": place.reason})


def _deploy(session: Session, place: Place, step: Step) -> None:
    said = {"ref": step.ref, "to": place.name, "role": place.role}
    session.say("deploy", {**said, "reason": place.reason})


def _rule(session: Session, place: Place, _: Step) -> None:
    said = {"deployment": place.name, "text": place.rules or "{}"}
    session.say("rules", {**said, "reason": place.reason})


def _ruled(session: Session, place: Place, step: Step) -> tuple[Step, bool]:
    """Put rules in force; where others have to agree to that, they are asked, and it waits."""
    try:
        _rule(session, place, step)
    except Refused as error:
        if error.code != "change_requested":
            raise
        return Step("wait", step.subject, "asked"), False
    return step, True


_TAKEN: Final = {"request": _request, "deploy": _deploy, "rules": _rule}


def _registering(session: Session, model: Model) -> Step:
    """Say whether a model's file and data are those of its newest version."""
    known = _newest_of(session, model.name)
    told = session.prepared("register", _said(model)).arguments
    if known is None:
        return Step("register", model.name, "model_new", f"{model.name}:1")
    version = session.say("show", {"ref": known})
    artifact = told["model"]["$blob"]
    before = {part: one["digest"] for part, one in version["lineage"]["data"].items()}
    now = {part: told[part]["digest"] for part in ("train", "holdout") if told.get(part)}
    if version["lineage"].get("artifact") == artifact and before == now:
        return Step("keep", known, "registered", known)
    why = "data_differ" if version["lineage"].get("artifact") == artifact else "file_differs"
    return Step("register", model.name, why, f"{model.name}:{version['number'] + 1}")


def _said(model: Model) -> dict[str, Any]:
    return {"model": model.file, "name": model.name, **model.frames, **model.said}


def _newest(session: Session, place: Place) -> str:
    found = _newest_of(session, place.model)
    if found is None:
        raise NotFound(
            "There is no model {name}, and the file has none of that name.",
            "say below models: where its file is, or register it first.",
            code="model_not_found",
            name=place.model,
        )
    return found


def _newest_of(session: Session, name: str) -> str | None:
    rows = session.say("models", {"query": name})["items"]
    return next((row["ref"] for row in rows if row["name"] == name), None)


def _present(session: Session, place: Place) -> Present:
    row = next(
        (
            row
            for row in session.say("deployments", {"query": place.name})["items"]
            if row["name"] == place.name
        ),
        None,
    )
    asked: dict[tuple[str, str], Asked] = {}
    for one in session.say("requests", {"query": place.name})["items"]:
        if one["deployment"] == place.name:
            asked.setdefault((one["ref"], one["role"]), Asked(one["id"], one["state"]))
    if row is None:
        return Present(asked=asked)
    has_rules = place.rules is not None and row["version"] is not None
    beside = [row["canary"], (row["trial"] or {}).get("ref"), *row["challengers"]]
    return Present(
        serves=[row["version"]] if row["version"] and place.role == "champion" else [],
        tried=[ref for ref in beside if ref],
        asked=asked,
        rules=session.say("rules", {"deployment": place.name})["text"] if has_rules else "",
        is_live=row["version"] is not None,
        is_retired=row["state"] == "retired",
    )


def _read(path: Path) -> Wanted:
    """Return what a file asks for, its paths as they are on this machine."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(path, error) from None
    wanted = planned.read(plainly.mapping(text, _no_plan))
    return Wanted(
        [
            replace(
                model,
                file=_beside(path, model.file),
                frames={part: _beside(path, frame) for part, frame in model.frames.items()},
            )
            for model in wanted.models
        ],
        [replace(place, rules=_rules(path, place.rules)) for place in wanted.places],
    )


def _beside(path: Path, file: str) -> str:
    found = path.parent / Path(file).expanduser()
    if not found.is_file():
        raise NotFound(
            "There is no file {name}, which {file} names.",
            "paths begin in the folder of that file.",
            code="file_not_found",
            name=file,
            file=path.name,
        )
    return str(found)


def _rules(path: Path, said: str | None) -> str | None:
    """Return the text of rules: that of a file, or the text itself where it has several lines."""
    if said is None or "\n" in said.strip() or ":" in said:
        return said
    file = Path(_beside(path, said))
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(file, error) from None


def _no_plan(why: str) -> Invalid:
    return Invalid(
        "This is no plan: {why}.",
        "`plan --help` shows what such a file looks like.",
        code="plan_invalid",
        why=why,
    )


def _unreadable(path: Path, error: Exception) -> NotFound:
    return NotFound(
        "{file} cannot be read: {reason}.",
        "name the file: plan FILE.yaml.",
        code="file_not_found",
        file=path.name,
        reason=getattr(error, "strerror", None) or "it is not UTF-8",
    )


def _because(step: Step) -> str:
    why: Mapping[str, str] = {
        "model_new": tell("there is no such model yet"),
        "file_differs": tell("the model's file is another"),
        "data_differ": tell("the data are others"),
        "registered": tell("registered as {ref}", ref=step.ref),
        "retired": tell("the deployment is retired"),
        "served": tell("it is live"),
        "tried": tell("it is tried out"),
        "unasked": tell("nobody was asked"),
        "approved": tell("request {n} is approved", n=step.request),
        "rejected": tell("request {n} was rejected; register another version", n=step.request),
        "undecided": tell("request {n} waits for a decision", n=step.request),
        "ruled": tell("these rules are in force"),
        "asked": tell("others have to agree; a request for that is open"),
        "nothing_live": tell("nothing is live there yet"),
        "rules_differ": tell("its rules are others"),
    }
    return why[step.why]


def _summed(items: list[PlanStep], *, takes: bool) -> str:
    todo = sum(item["does"] not in ("keep", "wait") for item in items)
    waits = sum(item["does"] == "wait" for item in items)
    if not todo and not waits:
        return tell("All is as the file says.")
    if takes:
        return tell("Steps taken: {n}. Waiting: {waits}.", n=todo, waits=waits)
    return tell("Steps to take: {n}. Waiting: {waits}.", n=todo, waits=waits)
