"""From every form that a store ever had to the newest one, whoever is killed on the way."""

import os
import sqlite3

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from jupyter_mlops.config import find_home
from jupyter_mlops.errors import Corrupt, Invalid
from jupyter_mlops.services.audit import audit
from jupyter_mlops.services.workspace import open_local
from jupyter_mlops.store import schema, soundness, tables
from older import EVENTS, beside, killed, looked, made

OLD = schema.revisions()[:-1]
STEP = 10
"""Every so many statements a migration is killed."""
MADE_ANEW = {"profile", "pending", "listing"}
"""What a migration counts or writes again."""


def sound(where):
    """Open a store and say what nobody may find otherwise in it."""
    ws = open_local(where)
    told = audit(ws, verify=True, limit=1)
    assert (told["ok"], told["because"]) == (
        True,
        f"All {told['events']} events follow from one another.",
    )
    assert soundness.missing_triggers(ws.engine) == []
    assert soundness.faults(ws.engine) == []
    with ws.act("test:deed", subject="x") as act:
        act.session.add(tables.Setting(name=f"after-{told['events']}", value="x"))
    with pytest.raises(DBAPIError, match="append-only"), ws.engine.begin() as connection:
        connection.execute(text("UPDATE audit_event SET action = 'x'"))
    ws.engine.dispose()
    return told["events"]


def test_the_newest_form_is_the_last_migration():
    assert schema.revisions()[-1] == schema.NEWEST
    assert sorted(schema.revisions()) == schema.revisions()


@pytest.mark.parametrize("revision", OLD)
def test_a_store_of_every_form_is_brought_up_with_all_its_rows(revision, where):
    made(where, revision)
    form, before = looked(where)
    assert form == revision
    assert sound(where) == EVENTS
    form, after = looked(where)
    assert form == schema.NEWEST
    for name in before.keys() - MADE_ANEW - {"master"}:
        if not name.startswith("listing_grams"):
            columns, kept = after[name]
            extra = 1 if name in ("setting", "audit_event") else 0
            assert len(kept) == len(before[name][1]) + extra, name
            assert set(before[name][0]) <= set(columns)
    assert len(after["listing"][1]) == 1
    home = find_home(where)
    copies = schema.copies(home)
    assert len(copies) == home.is_sqlite
    for copy in copies:
        with sqlite3.connect(copy) as connection:
            found = connection.execute("SELECT version_num FROM alembic_version").fetchone()
            n = connection.execute("SELECT count(*) FROM audit_event").fetchone()
        assert (found[0], n[0]) == (revision, EVENTS)


def test_a_migration_that_is_killed_leaves_the_old_form_whole_and_the_next_goes_on(where):
    made(where, OLD[0])
    before = looked(where)
    n = 0
    while killed(lambda: open_local(where), n):
        now = looked(where)
        assert now[0] in (OLD[0], schema.NEWEST)
        if now[0] == OLD[0]:
            assert now == before
        n += STEP
    assert n > 6 * STEP
    assert sound(where) == EVENTS
    assert len(schema.copies(find_home(where))) <= schema.COPIES


def test_a_store_that_was_killed_while_it_was_made_is_made_by_the_next(where, tmp_path):
    n = 0
    while killed(lambda: open_local(where), n):
        n += 3 * STEP
        if n % (12 * STEP) == 0:
            assert sound(where) == 1
            break
    assert sound(where) >= 1
    with open_local(where).look() as session:
        assert session.get(tables.Setting, "id") is not None
        assert session.get(tables.Setting, "salt") is not None


def test_who_is_killed_between_form_and_furniture_is_followed_by_one_who_furnishes(where):
    from jupyter_mlops.store.engine import open_engine

    home = find_home(where)
    engine = open_engine(home)
    assert schema.prepare(engine, home)
    assert schema.prepare(engine, home)  # it has its form, and still nothing in it
    engine.dispose()
    assert beside(*[lambda: open_local(where)] * 3) == [0, 0, 0]
    assert sound(where) == 1


@pytest.mark.parametrize("revision", ["nothing", OLD[0]])
def test_of_two_who_migrate_one_does_and_both_go_on(revision, where, tmp_path, monkeypatch):
    if revision != "nothing":
        made(where, revision)

    def elsewhere(name):
        """Open it as from another machine, where PostgreSQL has another folder of files."""
        os.environ["JUPYTER_MLOPS_FOLDER"] = str(tmp_path / name)
        open_local(where)

    works = [lambda: open_local(where), lambda: elsewhere("a"), lambda: elsewhere("b")]
    assert beside(*works) == [0, 0, 0]
    assert sound(where) == (1 if revision == "nothing" else EVENTS)


def test_only_the_newest_copies_are_kept(tmp_path):
    where = str(tmp_path / "workspace")
    for _ in range(schema.COPIES + 3):
        if not find_home(where).folder.exists():
            made(where, OLD[0])
        killed(lambda: open_local(where), 40)
    open_local(where).engine.dispose()
    folder = find_home(where).folder / "backups"
    assert len(list(folder.glob("store-*.db"))) <= schema.COPIES
    assert list(folder.glob(".*")) == []


def test_a_damaged_store_is_not_migrated(tmp_path):
    where = str(tmp_path / "workspace")
    made(where, OLD[-1])
    store = find_home(where).database
    with sqlite3.connect(store) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        root = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'audit_event'")
        page = root.fetchone()[0]
        size = connection.execute("PRAGMA page_size").fetchone()[0]
    with store.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xde\xad" * (size // 2))
    before = store.read_bytes()
    with pytest.raises(Corrupt) as refused:
        open_local(where)
    assert "restore ARCHIVE" in refused.value.hint
    assert store.read_bytes() == before
    assert schema.copies(find_home(where)) == []


def test_a_newer_store_is_refused_before_anything_is_touched(where):
    made(where, schema.NEWEST)
    with open_local(where).engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(Invalid) as refused:
        open_local(where)
    assert refused.value.code == "store_newer"
    assert "pip install --upgrade" in refused.value.hint
    assert looked(where)[0] == "9999"
