"""Reading the audit log, and proving that it is whole."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jupyter_mlops.domain import asked as rules
from jupyter_mlops.domain.answers import Audit
from jupyter_mlops.domain.arguments import File, NewFile, Now, Time, read
from jupyter_mlops.errors import Invalid
from jupyter_mlops.services import checkpoints, events, verified
from jupyter_mlops.services.anchoring import reached
from jupyter_mlops.services.export import writing
from jupyter_mlops.services.workspace import Workspace

MOST = 10_000


@read(prepare="services.anchoring.brought:prepare", finish="services.export.placing:finish")
def audit(
    ws: Workspace,
    query: str = "",
    *,
    since: Time = "",
    until: Time = "",
    as_of: Time | None = None,
    before: int = 0,
    diff: int = 0,
    verify: bool = False,
    anchor: File = None,
    checkpoint: Now = False,
    export: NewFile = "",
    limit: int = 50,
) -> Audit:
    """Search the audit log, newest first; verify the whole chain, or write it to a file that anybody can verify.

    A query is words and fields: `actor:ann`, `action:rollback`, `outcome:refused`, `subject:`, `reason:`,
    `request:12`, `deployment:churn-prod`, `version:churn:3`, `model:churn`, `since:7d`, `until:`; a text
    with spaces or colons stands in quotes. `--as-of` shows the log as it stood then, `--before SEQ` the
    page before, and `--diff SEQ` what one event changed, field by field.

    `--verify` walks the chain from its beginning and finds edits, deletions and changes of order. A cut
    tail, an older copy and a complete rewrite show against the signed checkpoints that anchors hold
    (`anchor`), or a copy of one that you have: `--anchor PATH`, a file or a clone. `--checkpoint` signs
    what the log holds now.

    `--export audit.zip` writes every event with a verifier of 60 lines that needs Python alone. The file
    is written where you are, also when the workspace is elsewhere, and replaces none; the audit log keeps
    its digest.
    """
    if not 1 <= limit <= MOST:
        raise Invalid(
            "The limit has to be between 1 and {most}, not {limit}.",
            code="limit_invalid",
            most=MOST,
            limit=limit,
        )
    narrowed = [name for name, said in _narrowing(query, since, until, as_of, before) if said]
    if export and narrowed:
        raise _of_part(", ".join(narrowed), export)
    if checkpoint:
        checkpoints.made(ws)
        reached.tend(ws)
    told = Audit(items=[], older=None)
    if not export:
        told = _found(ws, query, since, until, as_of, before, diff, limit)
    if verify or checkpoint or anchor is not None:
        given = anchor if isinstance(anchor, Mapping) else None
        told = Audit(**{**verified.verified(ws, [], given=given), **told})
    if export:
        told["export"] = writing.written(ws, to=export)
    return told


def _found(
    ws: Workspace,
    query: str,
    since: str,
    until: str,
    as_of: str | None,
    before: int,
    diff: int,
    limit: int,
) -> Audit:
    with ws.look() as session:
        if diff:
            event = events.numbered(session, diff)
            changed = rules.changes(event["before"], event["after"])
            return Audit(items=[event], older=None, changes=changed)
        statement, asked = events.read(
            ws, session, query, since=since, until=until, as_of=as_of, before=before
        )
        items, older = events.found(session, statement, asked, limit)
    return Audit(items=items, older=older)


def _narrowing(
    query: str, since: str, until: str, as_of: str | None, before: int
) -> list[tuple[str, Any]]:
    options = {"--since": since, "--until": until, "--as-of": as_of, "--before": before}
    return [(query, query), *options.items()]


def _of_part(what: str, to: str) -> Invalid:
    return Invalid(
        "Only the whole audit log is exported: a part of a chain cannot be verified.",
        "leave {query} out: audit --export {to}",
        code="export_of_part",
        query=what,
        to=to,
    )
