"""What people wrote into documents: kept for each version, never changed, carried over until confirmed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final, Literal

import sqlmodel

from jupyter_mlops.domain import audit as chain
from jupyter_mlops.domain.documents import Lined, Template, check_answer, check_known, read_template
from jupyter_mlops.domain.written import State
from jupyter_mlops.errors import Invalid, Refused
from jupyter_mlops.services import lookup
from jupyter_mlops.services.release import remembered
from jupyter_mlops.services.workspace import Workspace
from jupyter_mlops.store import tables

if TYPE_CHECKING:
    from sqlmodel import Session

    from jupyter_mlops.domain.answers import Check

LONGEST: Final = 400_000
"""Characters of a template, or of all the answers that are given at once."""
ALL: Final = "all"
_NOT: Final = {
    "answers": "These are not answers: {why}.",
    "template": "This is no template: {why}.",
}


@dataclass(frozen=True)
class Subject:
    """What a document is about: a version, alone or as it serves a deployment."""

    ref: str
    name: str
    number: int
    version_id: int
    deployment: str = ""

    @property
    def key(self) -> str:
        """Return under which name its answers are kept, for all its versions."""
        return f"deployment:{self.deployment}" if self.deployment else f"model:{self.name}"

    @property
    def shown(self) -> str:
        """Return how people name it."""
        return self.deployment or self.ref


@dataclass(frozen=True)
class Answered:
    """An answer to a question: who gave it, when, and for which version."""

    text: str
    by: Mapping[str, Any]
    at: str
    number: int
    state: State


def subject_of(ws: Workspace, name: str, template: Template) -> Subject:
    """Return what a document of this kind about this name is about.

    Raises:
        NotFound: nothing has that name.
        Refused: the deployment serves nothing now.
    """
    with ws.look() as session:
        if template.about == "deployment":
            place = lookup.deployment(session, name)
            live = lookup.champion(session, place)
            if live is None:
                raise Refused(
                    "Nothing is live at {name}.",
                    "`deploy REF --to {name}` carries an approved version out.",
                    code="nothing_live",
                    name=name,
                )
            parent, version = session.get_one(tables.Model, live[1].model_id), live[1]
        else:
            parent, version = lookup.version(session, name)
    ref = f"{parent.name}:{version.number}"
    deployment = name if template.about == "deployment" else ""
    return Subject(ref, parent.name, version.number, version.id, deployment)


def before(ws: Workspace, subject: Subject, ref: str) -> Subject:
    """Return another version of the same model, as the subject of the same kind of document.

    Raises:
        Refused: it is of another model, or the same version.
    """
    with ws.look() as session:
        parent, version = lookup.version(session, ref)
    found = Subject(
        f"{parent.name}:{version.number}",
        parent.name,
        version.number,
        version.id,
        subject.deployment,
    )
    if found.name != subject.name or found.number == subject.number:
        raise Refused(
            "{ref} is no other version of {name}.",
            "name one: --against {name}:NUMBER; `show {name}:1` shows the first.",
            code="not_another_version",
            ref=found.ref,
            name=subject.name,
        )
    return found


def answers(ws: Workspace, subject: Subject) -> dict[str, Answered]:
    """Return the newest answer to each question; one for an earlier version is only carried over."""
    with ws.look() as session:
        return _answers(session, subject)


def fill(ws: Workspace, subject: Subject, template: Template, text: str) -> list[str]:
    """Keep what a person answered, with an audit event, and return to which questions.

    The text is YAML: the names of questions with what there is to say. What was said before in the
    same words for the same version is left as it is.
    """
    told = read_yaml(text, "answers")
    if not isinstance(told, Mapping) or not told:
        raise Invalid(
            "These are not answers: a question's name and a colon begin each.",
            "`document {subject} --template {template}` lists what is open.",
            code="answers_invalid",
            subject=subject.shown,
            template=template.name,
        )
    check_known([str(id) for id in told], template)
    given = {str(id): check_answer(str(id), answer) for id, answer in told.items()}
    return _keep(ws, subject, template, given, "answers")


def confirm(ws: Workspace, subject: Subject, template: Template, ids: Sequence[str]) -> list[str]:
    """Say that answers for an earlier version hold for this one, and return which.

    Raises:
        Invalid: a question is not asked.
        Refused: there is nothing to confirm.
    """
    known = answers(ws, subject)
    asked = [blank.id for blank in template.blanks()]
    wanted = asked if list(ids) == [ALL] else list(ids)
    check_known(wanted, template)
    given = {id: known[id].text for id in wanted if id in known and known[id].state == "carried"}
    if not given:
        raise Refused(
            "Nothing of that was carried over from an earlier version of {subject}.",
            "`document {subject} --template {template}` lists what is.",
            code="nothing_carried",
            subject=subject.shown,
            template=template.name,
        )
    return _keep(ws, subject, template, given, "confirmation")


def earlier(ws: Workspace, subject: Subject) -> list[str]:
    """Return all versions of the model, the newest first."""
    with ws.look() as session:
        numbers = session.exec(
            sqlmodel.select(tables.Version.number)
            .join(tables.Model, tables.Version.model_id == tables.Model.id)  # type: ignore[arg-type]
            .where(tables.Model.name == subject.name)
            .order_by(sqlmodel.col(tables.Version.number).desc())
        ).all()
    return [f"{subject.name}:{number}" for number in numbers]


def checked(ws: Workspace, subject: Subject) -> tuple[list[Check], str, dict[str, dict[str, Any]]]:
    """Return the newest run of release checks, when it was, and the figures beside each."""
    with ws.look() as session:
        version = session.get_one(tables.Version, subject.version_id)
        rows = remembered.newest(session, version)
    figures = {row.name: dict(row.detail) for row in rows}
    return remembered.told(rows), rows[0].at if rows else "", figures


def keep_document(ws: Workspace, subject: Subject, data: bytes, after: Mapping[str, Any]) -> str:
    """Keep the bytes of a document by their digest, with its audit event; return the digest."""
    with ws.act("document:writing", subject=_about(subject)) as act:
        digest = ws.artifacts.put(data)
        act.outcome = "written"
        act.after = {**after, "digest": digest}
    return digest


def templates() -> list[str]:
    """Return the names of the templates about a version that come with the package."""
    return [name for name in sorted(_ours()) if _ours()[name].about != "deployment"]


def answered(session: Session, version: tables.Version, name: str) -> tuple[int, int]:
    """Return how many questions of a template are answered for this very version, and how many there are."""
    model = session.get_one(tables.Model, version.model_id)
    subject = Subject(f"{model.name}:{version.number}", model.name, version.number, version.id)
    known = _answers(session, subject)
    asked = [blank.id for blank in _ours()[name].blanks()]
    return sum(id in known and known[id].state == "answered" for id in asked), len(asked)


@cache
def _ours() -> Mapping[str, Template]:
    folder = files("jupyter_mlops").joinpath("papers/templates/documents")
    return {
        file.name.removesuffix(".yaml"): read_template(
            read_yaml(file.read_text("utf-8"), "template")
        )
        for file in folder.iterdir()
        if file.name.endswith(".yaml")
    }


def read_yaml(text: str, what: Literal["answers", "template"]) -> Any:
    """Read YAML of plain values, which know their lines; anchors and a key twice are refused."""
    import yaml

    class Strict(yaml.SafeLoader):
        """Reads values only, each of them written out."""

        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.AliasEvent):
                line = self.peek_event().start_mark.line + 1  # type: ignore[no-untyped-call]
                raise yaml.YAMLError(f"line {line}: an alias (*name) is not read here")
            return super().compose_node(parent, index)

    def lined(loader: Any, node: Any) -> Lined:
        lines: dict[str, int] = {}
        for key, _ in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.YAMLError(f"line {line}: a name is a text")
            if key.value in lines:
                raise yaml.YAMLError(f"line {line}: {key.value} stands twice")
            lines[key.value] = line
        pairs = loader.construct_pairs(node, deep=True)
        return Lined({str(key): value for key, value in pairs}, lines)

    Strict.add_constructor("tag:yaml.org,2002:map", lined)
    why = f"they are longer than {LONGEST} characters" if len(text) > LONGEST else ""
    try:
        if not why:
            return yaml.load(text, Strict)  # noqa: S506  (a safe loader, stricter than the safe one)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        why = " ".join(str(error).split())[:200]
    raise Invalid(
        _NOT[what], "docs/documents.md shows what one looks like.", code=f"{what}_invalid", why=why
    )


def _answers(session: Session, subject: Subject) -> dict[str, Answered]:
    row = tables.Answer
    rows = session.exec(
        sqlmodel.select(row)
        .where(row.subject == subject.key, row.number <= subject.number)
        .order_by(sqlmodel.col(row.number), sqlmodel.col(row.id))
    ).all()
    return {
        one.blank: Answered(
            one.text,
            one.actor,
            one.at,
            one.number,
            "answered" if one.number == subject.number else "carried",
        )
        for one in rows
    }


def _keep(
    ws: Workspace, subject: Subject, template: Template, given: Mapping[str, str], deed: str
) -> list[str]:
    with ws.act(f"document:{deed}", subject=_about(subject)) as act:
        known = _answers(act.session, subject)
        new = {
            id: text
            for id, text in given.items()
            if id not in known or (known[id].text, known[id].state) != (text, "answered")
        }
        for id, text in new.items():
            act.session.add(
                tables.Answer(
                    subject=subject.key,
                    version_id=subject.version_id,
                    number=subject.number,
                    blank=id,
                    text=text,
                    actor=ws.actor.to_dict(),
                    at=ws.now(),
                )
            )
        if not new:
            act.nothing()
        act.before = {id: chain.digest(known[id].text) for id in new if id in known}
        act.after = {
            "template": template.name,
            "version": subject.ref,
            "answers": {id: chain.digest(text) for id, text in new.items()},
        }
    return list(new)


def _about(subject: Subject) -> str:
    return f"deployment:{subject.deployment}" if subject.deployment else f"version:{subject.ref}"
