"""Saying something about a request, and asking for changes of it."""

from __future__ import annotations

from jupyter_mlops.domain import remarks as rules
from jupyter_mlops.domain.answers import Request as RequestAnswer
from jupyter_mlops.domain.arguments import RequestId, Text, deed
from jupyter_mlops.errors import UsageError
from jupyter_mlops.services import approvals, lookup, proof, remarks
from jupyter_mlops.services.workspace import Workspace


@deed()
def comment(
    ws: Workspace,
    request: RequestId,
    text: Text = "",
    *,
    changes: bool = False,
    settled: bool = False,
) -> RequestAnswer:
    """Say something about a request; in a notebook the text may stand in the cell below.

    With `--changes` you ask for changes, which is no approval: until you take it back with
    `--settled`, or decide yourself, nobody can approve the request, and an approved one cannot be
    carried out. A request for a newer version of the model takes its place. Comments are kept as they
    are said, with who, when and how sure this place is of it.
    """
    deed = "changes" if changes or settled else "comment"
    with ws.act(
        f"request:{deed}", subject=f"request:{request}", reason=text[: rules.LONGEST]
    ) as act:
        if changes and settled:
            raise UsageError(
                "--changes asks for changes, --settled takes that back: say one of them.",
                "a comment alone needs neither.",
                code="changes_and_settled",
            )
        rules.check_text(text, may_be_empty=settled)
        asked = lookup.request(act.session, request)
        told = remarks.told_of(ws, act.session, asked)
        actor = remarks.acting(ws, act.session)
        act.before = {"state": told.state}
        if changes:
            rules.check_may_ask_for_changes(actor, told)
            act.outcome = "asked"
        elif settled:
            rules.check_may_settle(actor, told)
            act.outcome = "settled"
        remarks.add(
            ws, act, asked, "changes" if changes else "settled" if settled else "comment", text
        )
        if changes or settled:
            asked.state = remarks.state_after(act.session, asked)
        act.session.add(asked)
        act.after = {"state": proof.state_of(asked, now=ws.now()), "for": told.ref}
        return approvals.shown(ws, act.session, asked)
