"""Deciding in a terminal: what is decided is shown, typed once more, and signed with one's own key."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jupyter_mlops.commands.session import Session
from jupyter_mlops.domain import decided
from jupyter_mlops.domain.arguments import NewFile, read
from jupyter_mlops.domain.decided import Decided, Document, Verdict
from jupyter_mlops.domain.names import iso
from jupyter_mlops.errors import Invalid, MlopsError, NotFound, Refused, UsageError
from jupyter_mlops.locale import tell

KEY = "~/.ssh/id_ed25519"


@read(here=True)
def decide(
    session: Session,
    request: str,
    *,
    approve: bool = False,
    reject: bool = False,
    break_glass: bool = False,
    comment: str = "",
    reason: str = "",
    key: str = KEY,
    yes: bool = False,
    to: NewFile = "",
) -> Decided:
    """Decide about a request in a terminal, and sign the decision with your own SSH key.

    `request` is the file that `send` wrote, or the number of a request of this workspace. What is
    decided is shown; you type the name of the version once more (or say `--yes`), and `ssh-keygen`
    signs, which asks for a passphrase or a touch where the key wants one. With a file nothing else is
    needed, no workspace and no network: `decision.json` (or `--to`) is written, to be sent back. With a
    number the decision is brought in at once.

    `--break-glass --reason "…"` is for who has the role `break-glass`: in an emergency their word alone
    lets it be carried out within 24 hours, everybody is told, and it stays a finding until others have
    approved the same version.

    It refuses in a notebook: whatever runs in a kernel could decide in the name of whoever runs it.
    """
    _check_terminal(os.environ)
    verdict = _verdict(approve=approve, reject=reject, break_glass=break_glass)
    comment = _comment(verdict, comment, reason)
    number = _number(request)
    found = _document(session, request, number)
    target = to or ("" if number else "decision.json")
    told, decision = _signed(found, verdict, comment, key, yes=yes, to=target)
    if number:
        answer = session.say("receive", {"decision": decision})
        told["recorded"], told["state"] = True, str(answer["state"])
    return told


def _signed(
    found: Document, verdict: Verdict, comment: str, key: str, *, yes: bool, to: str
) -> tuple[Decided, dict[str, str]]:
    """Show, ask, sign, verify what was signed, and write it down where that was asked for."""
    from jupyter_mlops.services import files, pens, signatures

    if to:
        files.free(to)
    public = pens.public(key)
    who = _decider(found, public.fingerprint)
    _check_in_time(found)
    _show(found, verdict, who, public.fingerprint)
    if not yes:
        _confirm(found, verdict)
    statement = found.statement(
        verdict, decider=who, decided_at=iso(datetime.now(UTC)), comment=comment
    )
    signature = pens.sign(statement, key)
    worth = signatures.worth(signatures.verify(signature, statement))
    decision = decided.signed(statement, signature)
    written = files.write(to, decided.as_text(decision)) if to else ""
    told = Decided(
        request=found.bound["request"],
        ref=found.bound["ref"],
        deployment=found.bound["deployment"],
        outcome=verdict,
        by=who,
        key=public.fingerprint,
        assurance=worth,
        recorded=False,
        state="",
        written=str(written),
    )
    return told, decision


def _check_terminal(environ: Mapping[str, str]) -> None:
    """Raise unless a person sits at a terminal of their own."""
    ipython = sys.modules.get("IPython")
    in_kernel = ipython is not None and ipython.get_ipython() is not None
    at_terminal = sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()
    if in_kernel or "JPY_PARENT_PID" in environ or not at_terminal:
        raise Refused(
            "A signed decision is not made in a notebook: whatever a cell does, whoever wrote it"
            " could have it done in your name.",
            "open a terminal and type: jupyter mlops decide REQUEST",
            code="decide_in_terminal",
        )


def _verdict(*, approve: bool, reject: bool, break_glass: bool) -> Verdict:
    if approve + reject + break_glass != 1:
        raise UsageError(
            "Say which: --approve, --reject or --break-glass.",
            "it is typed: decide REQUEST --approve",
            code="verdict_missing",
        )
    if break_glass:
        return "break-glass"
    return "approved" if approve else "rejected"


def _comment(verdict: str, comment: str, reason: str) -> str:
    said = reason or comment
    if verdict == "break-glass" and not said.strip():
        raise UsageError(
            "Whoever breaks the glass says why.",
            'it is typed: decide REQUEST --break-glass --reason "…"',
            code="reason_missing",
        )
    return said


def _number(request: str) -> int:
    return int(request) if request.isascii() and request.isdigit() and len(request) < 10 else 0  # noqa: PLR2004


def is_alone(arguments: Mapping[str, Any]) -> bool:
    """Say whether a decision needs no workspace: it is about a file."""
    return not _number(str(arguments.get("request", "")))


def _document(session: Session, request: str, number: int) -> Document:
    if number:
        return decided.read_document(session.say("send", {"request": number})["document"])
    from jupyter_mlops.services import files

    path = Path(request).expanduser()
    if not path.is_file():
        raise NotFound(
            "{request} is neither the number of a request nor a file.",
            "`send REQUEST --to request.json` writes one; `requests` lists the numbers.",
            code="request_file_missing",
            request=request,
        )
    return decided.read_document(files.read_json(path, _no_request))


def _no_request(why: str) -> MlopsError:
    return Invalid(
        "This is no request: {why}.",
        "`send REQUEST --to request.json` writes one.",
        code="request_invalid",
        why=why,
    )


def _decider(found: Document, fingerprint: str) -> str:
    who = found.people.get(fingerprint)
    if who is not None:
        return str(who)
    raise Refused(
        "Nobody who may decide here has the key {key}.",
        "--key FILE names another; the owner of the workspace adds yours: %%mlops policy people",
        code="key_unknown",
        key=fingerprint,
    )


def _check_in_time(found: Document) -> None:
    if iso(datetime.now(UTC)) >= found.bound["expires_at"]:
        raise Refused(
            "Request {request} expired on {day}.",
            "ask again: `request {ref} --for …`.",
            code="request_expired",
            request=found.bound["request"],
            day=found.bound["expires_at"][:10],
            ref=found.bound["ref"],
        )


def _show(found: Document, verdict: str, who: str, key: str) -> None:
    from jupyter_mlops.commands.showing import printable
    from jupyter_mlops.services.retelling import words

    said = {
        "approved": tell("You, {who}, say YES, signed with {key}.", who=who, key=key),
        "rejected": tell("You, {who}, say NO, signed with {key}.", who=who, key=key),
        "break-glass": tell(
            "You, {who}, BREAK THE GLASS: this is carried out on your word alone, and everybody is"
            " told. Signed with {key}.",
            who=who,
            key=key,
        ),
    }
    lines = [*words(found), "", said[verdict]]
    sys.stdout.write("\n".join(map(printable, lines)) + "\n")
    sys.stdout.flush()


def _confirm(found: Document, verdict: str) -> None:
    ref = str(found.bound["ref"])
    ask = tell("Type {ref} to sign: ", ref=ref)
    sys.stdout.write(ask)
    sys.stdout.flush()
    if sys.stdin.readline().strip() == ref:
        return
    raise Refused(
        "That is not {ref}: nothing was signed.",
        "say it again, once you are sure.",
        code="not_confirmed",
        ref=ref,
        verdict=verdict,
    )
