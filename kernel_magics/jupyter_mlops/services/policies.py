"""Policies: who must decide what, written by people, each version of them kept."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import sqlmodel

from jupyter_mlops.domain import audit as chain
from jupyter_mlops.domain import policies as rules
from jupyter_mlops.domain.access import as_person
from jupyter_mlops.domain.answers import Risk, Role
from jupyter_mlops.domain.approvals import Asked, Policy
from jupyter_mlops.domain.arguments import DeploymentName, Ref, Text, Time, deed
from jupyter_mlops.domain.governed import Knows, Policies, PolicyRow
from jupyter_mlops.domain.governing import Proposed
from jupyter_mlops.domain.loosening import loosened
from jupyter_mlops.domain.policies import Change, Written
from jupyter_mlops.domain.policy_reading import as_plain, read
from jupyter_mlops.errors import Invalid, NotFound, Refused, UsageError, did_you_mean
from jupyter_mlops.services import asking_for, laid_down, past, people, plainly
from jupyter_mlops.services.workspace import Workspace
from jupyter_mlops.store import tables

if TYPE_CHECKING:
    from sqlmodel import Session


@deed()
def policy(
    ws: Workspace,
    name: str = "",
    text: Text = "",
    *,
    from_code: str = "",
    who: Ref = "",
    for_deployment: DeploymentName = "",
    role: Role = "champion",
    dry_run: Time | None = None,
    withdraw: bool = False,
    as_of: Time | None = None,
    reason: str = "",
) -> Policies:
    """Show the policies, or put one in force from a cell of YAML: who must decide what.

    `for` says what the policy speaks of, and where nothing is said, of everything: `subject`
    (`deployment` is a first release, `replacement` any after it; `rules`, `policy`, `retirement`,
    `erasure`, `key`), `risk`, `tags`, `deployment` and `model` (with `*` and `?`), `role`.

    `asks` says for what: how many `approvers`, of which `roles` (a person of their own each), at which
    `assurance` at least, `other_than_author`, which `checks` must have passed, which `documents` be
    complete, in which `protected` attributes `fairness` be measured and reach which floors
    (`proportional_parity: 0.8`); for how long a request is `valid` (`14d`), when to `remind` of it, what
    happens `on_timeout` (`expire`, `escalate`, `reject`) and which webhooks to `tell`; and after how long
    a live version has to be approved again (`review_every: 365d`).

    All policies that speak of a change count together, of everything the strictest. A new workspace has
    one for each risk (`low`, `moderate`, `high`, `critical`); one written under such a name replaces
    it. Every version is kept; `policy NAME --withdraw` ends one. What asks for more is in force at once;
    what would ask for less takes what is asked now, and waits as a request where this place cannot give
    that.

    `policy --from bank` shows ready-made policies (`bank`, `insurance`, `employment`, `health`,
    `public`), each line with its source; `policy bank --from bank` puts them in force, under names that
    begin with `bank-`. They produce evidence; whether it is enough is for people to judge.

    `policy --who churn:3 --for churn-prod` says who would have to approve that, and why. `--dry-run 365d`
    says what past requests would have needed under the policy of the cell, or those in force; nothing is
    written. `--as-of` shows what was in force then.

    `policy people` is of another kind: it says who there is. `people` names each with `name`, `roles`,
    `keys` (Ed25519, as in ~/.ssh/id_ed25519.pub), `users` and `until`; `owner` is whom the cells here
    stand for; `revoked` lists keys (`key: SHA256:…`, `from:`) and `services` what never decides. Once
    they are known, a change says what it `follows` and an owner's signature stands below it.
    """
    _check_words(name, text, who=who, from_code=from_code, dry_run=dry_run, withdraw=withdraw)
    if for_deployment and not who:
        raise UsageError(
            "--for says where, and --who which version.",
            "`policy --who REF --for {deployment}`",
            code="policy_words",
            deployment=for_deployment,
        )
    changes = bool(text.strip() or who or from_code or dry_run or withdraw)
    at = _moment(ws, as_of, changes=changes)
    if name == rules.PEOPLE and text.strip() and dry_run is None:
        changed = people.put(ws, text, reason)
        return {**_shown(ws, name), "changed": changed}
    if who:
        from jupyter_mlops.services import deciders

        return {**_shown(ws, ""), "deciders": deciders.who(ws, who, for_deployment, role)}
    texts = _texts(name, text, from_code)
    if dry_run is not None:
        from jupyter_mlops.services import deciders

        written = _read_all(texts)
        return {**_shown(ws, ""), "past": deciders.dry_run(ws, written, dry_run)}
    if from_code and not name:
        return _of_code(from_code, texts)
    if not texts and not withdraw:
        return _shown(ws, name, at)
    arguments = {"name": name, "text": text, "from_code": from_code, "withdraw": withdraw}
    said = {key: value for key, value in arguments.items() if value}
    changed = _put(
        ws, Proposed("policy", name, "policy", said), {name: ""} if withdraw else texts, reason
    )
    return {**_shown(ws, "" if from_code or withdraw else name), "changed": changed}


def _moment(ws: Workspace, as_of: str | None, *, changes: bool) -> str:
    """Return the moment that is asked about; nothing else can be said in the same breath."""
    if as_of is not None and changes:
        raise UsageError(
            "Policies of the past are only shown.",
            "leave --as-of out for anything else.",
            code="policy_words",
        )
    return past.moment(ws, as_of)


def _check_words(
    name: str, text: str, *, who: str, from_code: str, dry_run: str | None, withdraw: bool
) -> None:
    """Raise where it is not clear what is wanted."""
    wanted = {"--who": bool(who), "--from": bool(from_code), "--withdraw": withdraw}
    said = [word for word, is_said in wanted.items() if is_said]
    said += ["a cell"] if text.strip() and (who or from_code or withdraw) else []
    if withdraw and not name:
        raise UsageError(
            "--withdraw needs the name of a policy.",
            "`policy` lists them.",
            code="policy_not_named",
        )
    if len(said) > 1 or (withdraw and dry_run is not None):
        raise UsageError(
            "{words} cannot be said together.",
            "`policy --help` shows each of them.",
            code="policy_words",
            words=", ".join(said if len(said) > 1 else ["--withdraw", "--dry-run"]),
        )
    if text.strip() and not name:
        raise UsageError(
            "A policy needs a name.", "`%%mlops policy NAME`, then YAML.", code="policy_not_named"
        )


def _texts(name: str, text: str, from_code: str) -> dict[str, str]:
    """Return what is to be put in force, by name."""
    from jupyter_mlops.services import codes

    if from_code:
        return {f"{name or from_code}-{part}": told for part, told in codes.read(from_code).items()}
    return {name: text} if text.strip() else {}


def _read_all(texts: Mapping[str, str]) -> list[Written]:
    return [read(name, plainly.mapping(text, _not_a_policy)) for name, text in texts.items()]


def _put(ws: Workspace, proposed: Proposed, texts: Mapping[str, str], reason: str) -> bool:
    """Put policies in force, or end the one whose text is empty; say whether that changed anything."""
    from jupyter_mlops.services import demanded, governed

    written = {one.name: one for one in _read_all({n: t for n, t in texts.items() if t})}
    for one in written.values():
        demanded.check_there_are(ws, one.asked)
    after = {name: written.get(name) for name in texts}

    def asked(session: Session) -> tuple[Proposed, Policy | None]:
        found = _frozen(session, proposed, texts)
        return found, _taken(session, after)

    subject = f"policy:{proposed.name}"
    governed.check(ws, asked, "policy:change", subject=subject, reason=reason)
    with ws.act("policy:change", subject=subject, reason=reason) as act:
        rows = laid_down.newest(act.session)
        _check_may_end(act.session, [name for name, text in texts.items() if not text])
        governed.spend(ws, act, asked)
        new = [
            row
            for name, text in texts.items()
            if (row := _next(ws, rows.get(name), name, text, written.get(name)))
        ]
        if not new:
            act.nothing()
            return False
        act.session.add_all(new)
        act.before = {name: _digest(rows.get(name)) for name in texts if name in rows} or None
        act.after = {**(act.after or {}), **{row.name: _digest(row) for row in new}}
    return True


def _frozen(session: Session, proposed: Proposed, texts: Mapping[str, str]) -> Proposed:
    """Return the change bound to what it would replace, and to every word it would put in force."""
    rows = laid_down.newest(session)
    told = [
        (name, rows[name].digest if name in rows else "", texts[name]) for name in sorted(texts)
    ]
    return replace(proposed, before=chain.digest(json.dumps(told, ensure_ascii=False)))


def _taken(session: Session, after: Mapping[str, Written | None]) -> Policy | None:
    """Return what it takes to change policies so; None where nothing is loosened."""
    known = laid_down.in_force(session)
    places = session.exec(sqlmodel.select(tables.Deployment.name)).all()
    models = session.exec(sqlmodel.select(tables.Model.name)).all()
    came = {one.name: one for one in rules.CAME}
    lost = [
        taken
        for name, written in after.items()
        if (
            taken := loosened(
                known, name, written or came.get(name), deployments=places, models=models
            )
        )
    ]
    if not lost:
        return None
    risk = max((one.risk for one in lost), key=rules.RISKS.index)
    return rules.strictest(risk, [*lost, *_of_policies(known, risk)])


def _of_policies(known: list[Written], risk: Risk) -> list[Asked]:
    return [one.asked for one in rules.speaking(known, Change("policy", risk))]


def _next(
    ws: Workspace,
    before: tables.PolicyVersion | None,
    name: str,
    text: str,
    written: Written | None,
) -> tables.PolicyVersion | None:
    """Return the next version of a policy; None where it is in force as it is."""
    body = written.canonical() if written else laid_down.ENDED
    if before is not None and (before.body, before.text) == (body, text):
        return None
    return tables.PolicyVersion(
        name=name,
        number=before.number + 1 if before else 1,
        digest=chain.digest(body),
        text=text,
        body=body,
        actor=ws.actor.to_dict(),
        at=ws.now(),
    )


def _digest(row: tables.PolicyVersion | None) -> dict[str, object] | None:
    return {"number": row.number, "digest": row.digest} if row else None


def _shown(ws: Workspace, name: str, at: str = "") -> Policies:
    with ws.look() as session:
        rows, known = laid_down.newest(session, at), laid_down.in_force(session, at)
        if name:
            _check_known(session, [name], at)
    items = [_told(one, rows.get(one.name)) for one in known if not name or one.name == name]
    if rules.PEOPLE in rows and name in ("", rules.PEOPLE):
        items.append(_people_told(rows[rules.PEOPLE]))
    found = Policies(items=items, changed=False, code="")
    if name == rules.PEOPLE:
        found["known"] = items[0]["people"]
    return found


def _people_told(row: tables.PolicyVersion) -> PolicyRow:
    return PolicyRow(
        name=row.name,
        number=row.number,
        digest=row.digest,
        scope={},
        asks={},
        speaks_of="",
        needs="",
        text=row.text,
        by=as_person(row.actor),
        at=row.at,
        people=cast("list[Knows]", people.shown(row)),
    )


def _check_known(session: Session, names: list[str], at: str = "") -> None:
    known = [one.name for one in laid_down.in_force(session, at)]
    if rules.PEOPLE in laid_down.newest(session, at):
        known.append(rules.PEOPLE)
    for name in names:
        if name not in known:
            meant = did_you_mean(name, known)
            raise NotFound(
                "No policy is called {name}.",
                "did you mean {meant}?"
                if meant
                else "there are: {known}; `%%mlops policy {name}` with YAML writes it.",
                code="policy_not_found",
                name=name,
                meant=meant,
                known=", ".join(known),
            )


def _check_may_end(session: Session, names: list[str]) -> None:
    """Raise where a policy is not there, or came with the workspace and was never written."""
    _check_known(session, names)
    rows = laid_down.newest(session)
    for name in names:
        if name not in rows or rows[name].body == laid_down.ENDED:
            raise Refused(
                "The policy {name} came with the workspace; there is nothing to withdraw.",
                "`%%mlops policy {name}` with YAML replaces it.",
                code="policy_came",
                name=name,
            )


def _of_code(code: str, texts: Mapping[str, str]) -> Policies:
    """Return ready-made policies as they would be written; none is in force by that."""
    written = {one.name: one for one in _read_all(texts)}
    rows = [PolicyRow({**_told(written[name], None), "text": told}) for name, told in texts.items()]
    return Policies(items=rows, changed=False, code=code)


def _told(written: Written, row: tables.PolicyVersion | None) -> PolicyRow:
    mine = row if row is not None and row.body != laid_down.ENDED else None
    told = rules.as_told(written)
    return PolicyRow(
        name=written.name,
        number=mine.number if mine else 0,
        digest=chain.digest(written.canonical()),
        scope=told["scope"],
        asks=told["asks"],
        speaks_of=asking_for.scope(written.scope),
        needs=asking_for.needs(written.asked),
        text=mine.text if mine else _plain(written),
        by=as_person(mine.actor) if mine else None,
        at=mine.at if mine else "",
    )


def _plain(written: Written) -> str:
    import yaml

    return yaml.safe_dump(as_plain(written), sort_keys=False, allow_unicode=True)


def _not_a_policy(why: str) -> Invalid:
    return Invalid(
        "This is no policy: {why}.",
        "`policy --help` shows what one looks like.",
        code="policy_invalid",
        why=why,
    )
