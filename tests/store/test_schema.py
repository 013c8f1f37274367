"""The form of the store, and who may open it."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from jupyter_mlops.errors import Invalid
from jupyter_mlops.services.workspace import open_local
from jupyter_mlops.store.tables import Setting, SQLModel


def test_migrations_make_exactly_the_tables(workspace):
    with workspace.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        assert compare_metadata(context, SQLModel.metadata) == []


def test_a_store_made_by_a_newer_version_is_refused_and_left_alone(workspace):
    with workspace.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(Invalid) as refused:
        open_local(workspace.home.url)
    assert refused.value.code == "store_newer"
    assert "upgrade" in refused.value.hint


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_event SET action = 'x'",
        "DELETE FROM audit_event WHERE seq = 1",
        "INSERT INTO audit_event (seq, at, action, subject, person, body, digest)"
        " VALUES (7, '', '', '', '', '', '')",
        "INSERT INTO audit_event (seq, at, action, subject, person, body, digest)"
        " VALUES (-1, '', '', '', '', '', '')",
        "UPDATE policy SET body = '{}'",
        "DELETE FROM policy",
    ],
)
def test_what_was_written_stays_as_it_was_written(statement, workspace):
    with pytest.raises(DBAPIError, match="append-only"), workspace.engine.begin() as connection:
        connection.execute(text(statement))


def test_replacing_and_truncating_are_refused_too(workspace):
    replacing = "INSERT OR REPLACE INTO audit_event SELECT * FROM audit_event WHERE seq = 1"
    statement = replacing if workspace.home.is_sqlite else "TRUNCATE audit_event"
    with pytest.raises(DBAPIError, match="append-only"), workspace.engine.begin() as connection:
        connection.execute(text(statement))


def test_looking_never_writes(workspace):
    with pytest.raises(Exception, match=r"readonly|read-only"), workspace.look() as session:
        session.add(Setting(name="x", value="y"))
        session.flush()


def test_a_sqlite_store_is_durable_and_shared(sqlite_workspace):
    with sqlite_workspace.engine.connect() as connection:
        told = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "recursive_triggers")
        }
    assert told == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "recursive_triggers": 1,
    }


def test_a_folder_that_cannot_be_made_is_said_so(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(Invalid, match="cannot be made"):
        open_local(tmp_path / "file" / "workspace")


def test_an_older_store_is_brought_up_and_was_copied_first(sqlite_workspace):
    home = sqlite_workspace.home
    with sqlite_workspace.engine.begin() as connection:
        for statement in (
            "DROP TABLE rules",
            "ALTER TABLE rollout DROP COLUMN gate",
            "ALTER TABLE rollout DROP COLUMN share",
            "UPDATE alembic_version SET version_num = '0001'",
        ):
            connection.execute(text(statement))
    with open_local(home.url).look() as session:
        assert session.execute(text("SELECT count(gate) FROM rollout")).scalar() == 0
    (copy,) = (home.folder / "backups").glob("store-0001-*.db")
    assert copy.stat().st_size > 0
