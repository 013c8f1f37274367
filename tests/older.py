"""Stores in every form there ever was, with a row in each table; and processes that are killed."""

from __future__ import annotations

import os
import signal
from contextlib import contextmanager

from sqlalchemy import JSON, Boolean, Float, Integer, LargeBinary, event, inspect, text
from sqlalchemy.engine import Engine

from jupyter_mlops.config import find_home
from jupyter_mlops.domain import audit
from jupyter_mlops.store import dumping, schema
from jupyter_mlops.store.engine import open_engine, writing

EVENTS = 20
SAID = {
    "manifest": '{"features": [{"name": "age"}]}', "tags": ["a"], "classes": ["0", "1"], "causes": [],
    "severities": [], "part": "training", "deployment": "",
}  # fmt: skip


@contextmanager
def engine_of(where):
    engine = open_engine(find_home(where))
    try:
        yield engine
    finally:
        engine.dispose()


def made(where, revision):
    """Make a store in the form that it had at a revision, with rows in all of its tables."""
    home = find_home(where)
    home.folder.mkdir(parents=True)
    with engine_of(where) as engine:
        schema.begin(engine, home)
        with writing(engine, home) as session:
            connection = session.connection()
            schema.grow(connection, revision)
            for table in dumping.found(connection):
                for row in rows(table):
                    connection.execute(table.insert().values(row))


def rows(table):
    """Return rows for a table: a chain of events, what every store has, else one that fits."""
    if table.name == "audit_event":
        return list(events())
    if table.name == "setting":
        return [{"name": name, "value": name * 16} for name in ("id", "salt")]
    if table.name == "checkpoint":
        return []  # one that was made up is found out
    return [{c.name: value(c) for c in dumping.columns(table)}]


def value(column):
    if column.name in SAID:
        return SAID[column.name]
    kinds = (
        (JSON, {}), (LargeBinary, b"\x00\xff"), (Boolean, False), (Float, 0.5), (Integer, 1),
    )  # fmt: skip
    return next((made for kind, made in kinds if isinstance(column.type, kind)), column.name)


def events():
    """Return a chain of events as they lie in the table."""
    import rfc8785

    prev = audit.GENESIS
    for seq in range(1, EVENTS + 1):
        told = audit.event(
            seq=seq, at="2026-01-01T00:00:00.000000Z", actor={"id": "owner"}, action="test:deed:done",
            subject="x", before=None, after=None, reason="", prev=prev,
        )  # fmt: skip
        body = rfc8785.dumps(told).decode()
        prev = audit.digest(body)
        named = {name: told[name] for name in ("seq", "at", "action", "subject")}
        yield {**named, "person": "owner", "body": body, "digest": prev}


def looked(where):
    """Return the form of a store, and all that its database says of its tables and rows."""
    with engine_of(where) as engine, engine.connect() as connection:
        names = sorted(inspect(connection).get_table_names())
        told = {}
        for name in names:
            kept = connection.execute(text(f"SELECT * FROM {name}")).all()  # noqa: S608
            columns = [column["name"] for column in inspect(connection).get_columns(name)]
            told[name] = (columns, sorted(map(repr, kept)))
        if engine.dialect.name == "sqlite":
            told["master"] = connection.execute(text("SELECT * FROM sqlite_master")).all()
        form = told.pop("alembic_version", (None, ["('',)"]))[1][0]
    return form.strip("(',)"), told


def killed(work, statement):
    """Do work in a process that is killed before its n-th statement; say whether it was."""
    child = os.fork()
    if child == 0:
        left = [statement]

        def count(*_):
            left[0] -= 1
            if left[0] < 0:
                os.kill(os.getpid(), signal.SIGKILL)

        event.listen(Engine, "before_cursor_execute", count)
        event.listen(Engine, "commit", count)
        try:
            work()
        except BaseException:  # noqa: BLE001 - a child must never go on as its parent
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if not os.WIFSIGNALED(status):
        assert os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


def beside(*works):
    """Do works in processes of their own, all at once; return how each ended."""
    children = []
    for work in works:
        child = os.fork()
        if child == 0:
            try:
                work()
            except BaseException:  # noqa: BLE001 - a child must never go on as its parent
                import traceback

                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        children.append(child)
    return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
