"""The one container of what deeds need, and the one way to act in it."""

from __future__ import annotations

import getpass
import json
import os
import secrets
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_mlops.config import Home, find_home
from jupyter_mlops.domain import audit
from jupyter_mlops.domain.access import Actor, the_one_person
from jupyter_mlops.domain.names import iso
from jupyter_mlops.errors import MlopsError

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlmodel import Session

    from jupyter_mlops.store.artifacts import Artifacts
    from jupyter_mlops.store.telemetry import Telemetry

Launcher = Callable[[Sequence[str], Path], int]


@dataclass
class Deed:
    """A change on its way: what it touches, what was before, what is after, how it ended."""

    session: Session
    action: str
    subject: str
    reason: str
    outcome: str = "done"
    before: Any = None
    after: Any = None
    _happened: bool = field(default=True, repr=False)

    def nothing(self) -> None:
        """Say that everything was already so: no event is written."""
        self._happened = False

    @property
    def happened(self) -> bool:
        """Say whether there is anything to remember."""
        return self._happened


@dataclass(frozen=True)
class Workspace:
    """Everything a deed needs, passed as its first argument; there are no globals."""

    home: Home
    engine: Engine
    actor: Actor
    clock: Callable[[], datetime]
    launcher: Launcher
    artifacts: Artifacts
    telemetry: Telemetry
    origin: Callable[[], dict[str, Any]]
    progress: Callable[[str, float], None]
    kept: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)
    """Answers that were added up in memory and hold until the log they are of changes."""
    pinned: Path | None = None
    """Where whoever serves keeps a copy of its own of people and policies."""
    patience: float | None = None
    """For how many seconds a deed waits for its turn to write; None, until it comes."""

    @contextmanager
    def act(self, action: str, *, subject: str, reason: str = "") -> Iterator[Deed]:
        """Commit a change and its audit event together, or neither.

        ``action`` is ``subject:deed``; the outcome completes it. An :class:`MlopsError` rolls the
        change back, leaves an event ``…:refused`` of its own, and goes on to the caller. A deed
        that never had its turn, because the store does not answer, leaves nothing.
        """
        from jupyter_mlops.store.engine import writing

        deed = None
        try:
            with writing(self.engine, self.home, patience=self.patience) as session:
                deed = Deed(session, action, subject, reason)
                yield deed
                if deed.happened:
                    session.flush()
                    self.remember(deed)
        except MlopsError as error:
            if deed is not None:
                self._remember_refusal(action, subject, reason, error)
            raise

    def look(self) -> AbstractContextManager[Session]:
        """Open a transaction that sees one moment, never waits for a writer and never writes."""
        from jupyter_mlops.store.engine import reading

        return reading(self.engine, self.home)

    def now(self) -> str:
        """Return the present moment as it is stored."""
        return iso(self.clock())

    def as_actor(self, actor: Actor) -> Workspace:
        """Return the same workspace in somebody else's hands."""
        return replace(self, actor=actor)

    def _remember_refusal(self, action: str, subject: str, reason: str, error: MlopsError) -> None:
        from jupyter_mlops.store.engine import writing

        with writing(self.engine, self.home, patience=self.patience) as session:
            deed = Deed(session, action, subject, reason, outcome="refused")
            deed.after = {"code": error.code, "message": error.recorded}
            self.remember(deed)

    def remember(self, deed: Deed) -> None:
        """Append the event of a deed to the chain, inside the deed's own transaction.

        :meth:`act` does this; only a deed that makes the store itself has to ask for it.
        """
        import rfc8785
        from sqlmodel import select

        from jupyter_mlops.store.tables import AuditEvent

        last = deed.session.exec(
            select(AuditEvent.seq, AuditEvent.digest).order_by(_newest(AuditEvent.seq)).limit(1)
        ).first()
        seq, prev = (last[0] + 1, last[1]) if last else (1, audit.GENESIS)
        told = audit.event(
            seq=seq,
            at=self.now(),
            actor=self.actor.to_dict(),
            action=f"{deed.action}:{deed.outcome}",
            subject=deed.subject,
            before=deed.before,
            after=deed.after,
            reason=deed.reason,
            prev=prev,
        )
        body = rfc8785.dumps(_canonical(told)).decode()
        deed.session.add(
            AuditEvent(
                seq=seq,
                at=told["at"],
                action=told["action"],
                subject=deed.subject,
                person=self.actor.id,
                body=body,
                digest=audit.digest(body),
            )
        )
        deed.session.flush()


def open_local(
    where: str | Path | None = None,
    *,
    mouth: str = "python",
    claims: Mapping[str, str] | None = None,
    actor: Actor | None = None,
    clock: Callable[[], datetime] | None = None,
    launcher: Launcher | None = None,
    origin: Callable[[], dict[str, Any]] | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> Workspace:
    """Open a workspace on this machine, making or upgrading its store when needed.

    Args:
        where: as for :func:`jupyter_mlops.open_workspace`, but no address of a server.
        mouth: through which process words arrive: kernel, panel, terminal, server, python.
        claims: what that process says of its user; kept as claims, never believed.
        actor: a service that acts on its own account, instead of the workspace's one person.
        clock: tells the time, aware of its zone.
        launcher: starts a process that outlives this one; its environment names the workspace.
        origin: tells what is known of the notebook and the cell.
        progress: shows how far long work has come.
    """
    from jupyter_mlops.store.engine import open_engine
    from jupyter_mlops.store.schema import prepare

    home = find_home(where)
    engine = open_engine(home)
    made = prepare(engine, home)
    said = {"mouth": mouth, "user": _user(), **(claims or {})}
    ws = assembled(home, engine, actor=actor or the_one_person(said), clock=clock)
    ws = replace(
        ws,
        launcher=launcher or partial(launch, home=home),
        origin=origin or dict,
        progress=progress or _silent,
    )
    if made:
        _furnish(ws)
    return ws


def assembled(
    home: Home, engine: Engine, *, actor: Actor, clock: Callable[[], datetime] | None = None
) -> Workspace:
    """Return a workspace on a store that is open, whatever is in it."""
    from jupyter_mlops.store.artifacts import Artifacts
    from jupyter_mlops.store.telemetry import Telemetry

    return Workspace(
        home=home,
        engine=engine,
        actor=actor,
        clock=clock or _utc_now,
        launcher=partial(launch, home=home),
        artifacts=Artifacts(home.artifacts),
        telemetry=Telemetry(home),
        origin=dict,
        progress=_silent,
    )


def launch(argv: Sequence[str], log: Path, *, home: Home | None = None) -> int:
    """Start a process that outlives this one and return its id; its output goes to ``log``.

    When nothing else is said, it opens ``home``.
    """
    with log.open("ab") as output:
        return subprocess.Popen(
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=home.environment() if home else None,
            start_new_session=True,
            close_fds=True,
        ).pid


def _furnish(ws: Workspace) -> None:
    """Give a new store its identity, its salt and the default policies, once."""
    from jupyter_mlops.domain.approvals import DEFAULTS
    from jupyter_mlops.store.tables import Policy, Setting

    identity = secrets.token_hex(16)
    with ws.act("workspace:creation", subject="workspace") as deed:
        if deed.session.get(Setting, "id") is not None:  # somebody else has done it just now
            deed.nothing()
            return
        deed.session.add(Setting(name="id", value=identity))
        deed.session.add(Setting(name="salt", value=secrets.token_hex(32)))
        for policy in DEFAULTS:
            body = policy.canonical()
            deed.session.add(
                Policy(risk=policy.risk, digest=audit.digest(body), body=body, at=ws.now())
            )
        deed.after = {"id": identity, "policies": [policy.risk for policy in DEFAULTS]}


def _canonical(value: Any) -> Any:
    """Return the value as JSON has it, so that what is hashed is what can be read back.

    Half of a surrogate pair, which no UTF-8 has, becomes a question mark.
    """
    said = json.dumps(value, allow_nan=False, default=str, ensure_ascii=False)
    return json.loads(said.encode("utf-8", "replace"))


def _newest(column: Any) -> Any:
    return column.desc()


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return str(os.getuid())


def _silent(_text: str, _fraction: float) -> None:
    """Show nothing."""
