"""What somebody can do to a store and its anchors who has both databases and files in their hands."""

from __future__ import annotations

import json
from contextlib import contextmanager

import rfc8785
from sqlalchemy import text

from jupyter_mlops.domain.audit import GENESIS, digest
from jupyter_mlops.services import checkpoints

TABLES = ("audit_event", "checkpoint")


@contextmanager
def beside_us(ws, way):
    """Open the database as its owner does, with the triggers out of the way in one of two ways."""
    with ws.engine.connect() as connection:
        run = connection.exec_driver_sql
        if ws.home.is_sqlite and way == "dropped":
            for (name,) in run("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
                run(f'DROP TRIGGER "{name}"')
        elif ws.home.is_sqlite:
            run("PRAGMA writable_schema=ON")
            run("DELETE FROM sqlite_master WHERE type = 'trigger' AND tbl_name LIKE 'audit%'")
            run("DELETE FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'checkpoint'")
            run("PRAGMA writable_schema=RESET")
        elif way == "dropped":
            for table in TABLES:
                run(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        else:
            run("SET session_replication_role = replica")
        yield run
        connection.commit()
    ws.engine.dispose()


class Kept:
    """A log and its anchor as they were, to which both can be brought back on either database."""

    def __init__(self, ws, file) -> None:
        self.ws = ws
        self.file = file
        self.text = file.read_text()
        self.rows = {}
        with ws.engine.connect() as connection:
            for table in (*TABLES, "anchor"):
                found = connection.exec_driver_sql(f"SELECT * FROM {table}")
                self.rows[table] = [dict(row) for row in found.mappings()]
            self.triggers = []
            if ws.home.is_sqlite:
                found = connection.exec_driver_sql(
                    "SELECT sql FROM sqlite_master WHERE type = 'trigger'"
                )
                self.triggers = [sql for (sql,) in found]

    def restore(self):
        """Undo whatever was done."""
        self.file.write_text(self.text)
        with beside_us(self.ws, "dropped") as run:
            for table, rows in self.rows.items():
                run(f"DELETE FROM {table}")
                for row in rows:
                    values = ", ".join(quoted(value) for value in row.values())
                    run(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({values})")
            for trigger in self.triggers:
                run(trigger)
            for table in () if self.ws.home.is_sqlite else TABLES:
                run(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def edit_a_text(run, ws):
    run("UPDATE audit_event SET body = replace(body, 'deed 7', 'deed 9') WHERE seq = 7")


def edit_a_text_and_its_digest(run, ws):
    (body,) = run("SELECT body FROM audit_event WHERE seq = 7").fetchone()
    body = body.replace("deed 7", "dead 7")
    put(run, 7, body=body, digest=digest(body))


def list_an_event_otherwise(run, ws):
    put(run, 7, person="somebody else")


def delete_one(run, ws):
    run("DELETE FROM audit_event WHERE seq = 7")


def swap_two(run, ws):
    for was, now in ((7, 900), (8, 7), (900, 8)):
        put(run, was, seq=now)


def cut_the_tail(run, ws):
    run("DELETE FROM audit_event WHERE seq > 20")


def cut_the_tail_and_its_checkpoints(run, ws):
    cut_the_tail(run, ws)
    run("DELETE FROM checkpoint WHERE size > 20")


def leave_nothing(run, ws):
    run("DELETE FROM audit_event")
    run("DELETE FROM checkpoint")


def write_all_anew(run, ws):
    """The right chain from a forged beginning, all of it."""
    anew(run, 1)


def write_the_second_half_anew(run, ws):
    anew(run, 15)


def leave_one_out_and_renumber(run, ws):
    run("DELETE FROM audit_event WHERE seq = 15")
    anew(run, 15)


def go_on_from_an_older_copy(run, ws):
    cut_the_tail_and_its_checkpoints(run, ws)
    rows = run("SELECT body FROM audit_event WHERE seq = 20").fetchone()
    prev = digest(rows[0])
    for seq in range(21, 60):
        told = json.loads(rows[0]) | {"seq": seq, "prev": prev, "reason": "another history"}
        prev = insert(run, told)


def edit_a_checkpoint_here(run, ws):
    run("UPDATE checkpoint SET note = replace(note, '\n12\n', '\n13\n') WHERE size = 12")


def anew(run, begin):
    """Write every event from one on as somebody would rather have it, digests and all."""
    rows = run("SELECT seq, body, digest FROM audit_event ORDER BY seq").fetchall()
    prev = next((row[2] for row in reversed(rows) if row[0] < begin), GENESIS)
    run(f"DELETE FROM audit_event WHERE seq >= {begin}")
    run("DELETE FROM checkpoint")
    for at, (_, body, _digest) in enumerate((r for r in rows if r[0] >= begin), begin):
        told = json.loads(body) | {"seq": at, "prev": prev}
        told["reason"] = told["reason"].replace("deed", "dead")
        prev = insert(run, told | ({"reason": "forged"} if at == begin else {}))


def put(run, number, /, **values):
    """Change columns of one event."""
    told = ", ".join(f"{name} = {quoted(value)}" for name, value in values.items())
    run(f"UPDATE audit_event SET {told} WHERE seq = {number}")


def insert(run, told):
    """Write an event with its digest, and return that."""
    body = rfc8785.dumps(told).decode()
    values = [told["seq"], told["at"], told["action"], told["subject"], told["actor"]["id"]]
    values += [body, digest(body)]
    names = "seq, at, action, subject, person, body, digest"
    run(f"INSERT INTO audit_event ({names}) VALUES ({', '.join(map(quoted, values))})")
    return values[-1]


def quoted(value):
    """Return a value as SQL has it, for a driver that reads percent signs as places."""
    return str(value) if isinstance(value, int) else "'" + value.replace("'", "''") + "'"


def signed_anew(ws):
    """Sign what the log holds now with the key of the workspace, as its thief would."""
    return checkpoints.made(ws)


FOUND = {
    edit_a_text: ("Event 7 was edited", 7),
    edit_a_text_and_its_digest: ("Event 8 does not follow", 8),
    list_an_event_otherwise: ("Event 7 is listed otherwise than its text says", 7),
    delete_one: ("Event 7 is missing", 8),
    swap_two: ("Event 7 does not follow", 7),
    cut_the_tail: ("The log ends with event 20, and a checkpoint of 33 events", 21),
    cut_the_tail_and_its_checkpoints: ("The log ends with event 20, and a checkpoint of 33", 21),
    leave_nothing: ("The log ends with event 0", 1),
    write_all_anew: ("the log was written anew", 1),
    write_the_second_half_anew: ("Up to event 12 the log is the one that was signed", 13),
    leave_one_out_and_renumber: ("Up to event 12 the log is the one that was signed", 13),
    go_on_from_an_older_copy: ("Up to event 12 the log is the one that was signed", 13),
    edit_a_checkpoint_here: ("The checkpoints that are kept here: Its checkpoint of 13", None),
}


class Untriggered:
    """A transaction in which a table's triggers sleep, as for whoever owns the database."""

    def __init__(self, ws, table):
        self.ws, self.table = ws, table

    def __enter__(self):
        self.begun = self.ws.engine.begin()
        self.connection = self.begun.__enter__()
        self.triggers = []
        if self.ws.home.is_sqlite:
            query = text(
                "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = :t"
            )
            self.triggers = self.connection.execute(query, {"t": self.table}).all()
            for name, _ in self.triggers:
                self.connection.execute(text(f"DROP TRIGGER {name}"))
        else:
            self.connection.execute(text(f"ALTER TABLE {self.table} DISABLE TRIGGER USER"))
        return self.connection

    def __exit__(self, *how):
        for _, sql in self.triggers:
            self.connection.exec_driver_sql(sql)
        if not self.ws.home.is_sqlite:
            self.connection.execute(text(f"ALTER TABLE {self.table} ENABLE TRIGGER USER"))
        return self.begun.__exit__(*how)
