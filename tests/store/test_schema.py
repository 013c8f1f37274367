"""The form of the store, and who may open it."""

from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from jupyter_mlops.config import find_home
from jupyter_mlops.errors import Invalid
from jupyter_mlops.services.workspace import open_local
from jupyter_mlops.store import schema
from jupyter_mlops.store.engine import open_engine
from jupyter_mlops.store.tables import Setting, SQLModel


def is_no_index_of_texts(name, _kind, _parents):
    """Leave out what each database has of its own to find words (see `store.listing`)."""
    return "listing_grams" not in (name or "") and name != "grams"


def test_migrations_make_exactly_the_tables(workspace):
    with workspace.engine.connect() as connection:
        opts = {"compare_type": False, "include_name": is_no_index_of_texts}
        context = MigrationContext.configure(connection, opts=opts)
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


def test_an_insert_that_would_update_is_refused_too(workspace):
    """``ON CONFLICT DO UPDATE`` is the same to both databases."""
    upsert = (
        "INSERT INTO audit_event SELECT * FROM audit_event WHERE seq = 1"
        " ON CONFLICT (seq) DO UPDATE SET body = 'x'"
    )
    statement = upsert.replace(" ON CONFLICT", " AND true ON CONFLICT")
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


OLD = (
    "INSERT INTO model (id, name, target, task, classes, risk, purpose, owner, unit, description, at)"
    " VALUES (1, 'm', '', 'binary', '[]', 'low', '', '', '', '', '')",
    "INSERT INTO version (id, model_id, number, digest, manifest, risk, tags, description, metrics,"
    " measured_by, compiled, lineage, author, at)"
    " VALUES (1, 1, 1, 'd', '{}', 'low', '[]', '', '{}', '', '{}', '{}', '{}', '')",
    "INSERT INTO request (id, version_id, deployment, role, state, risk, reason, manifest_digest,"
    " policy_digest, evidence_digest, evidence, nonce, requester, at, expires_at)"
    " VALUES (3, 1, 'd', 'champion', 'carried out', 'low', 'why', '', '', '', '', '', '{}', '', '')",
    "INSERT INTO decision (id, request_id, person, outcome, assurance, actor, comment, statement,"
    " signature, at, known_at) VALUES (1, 3, 'p', 'approved', '', '{}', '', '', '', '', '')",
    "INSERT INTO deployment (id, name, model_id, state, at) VALUES (1, 'd', 1, 'live', '')",
    "INSERT INTO rollout (id, deployment_id, version_id, request_id, action, role, state, because, at,"
    " since, until) VALUES (1, 1, 1, 3, 'deploy', 'champion', 'live', '', '', '', '')",
    "INSERT INTO profile (version_id, deployment, part, hour, slice, known_at, rows, columns)"
    " VALUES (1, '', 'reference', '', '', '', 7, '{\"a\": 1}')",
    "INSERT INTO segment (id, deployment, day, rows, path, digest, root, sealed_at)"
    " VALUES ('d/2026-01-01/s', 'd', '2026-01-01', 1, '', '', '', '')",
)


def test_an_older_store_is_brought_up(where):
    home = find_home(where)
    home.folder.mkdir(parents=True)
    engine = open_engine(home)
    config = Config()
    config.set_main_option("script_location", str(Path(schema.__file__).parent / "migrations"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    with engine.begin() as connection:
        for statement in OLD:
            connection.execute(text(statement))
    engine.dispose()
    with open_local(where).look() as session:
        assert session.execute(text("SELECT gate FROM rollout")).all() == [("swap",)]
        kept = session.execute(text("SELECT part, rows, columns FROM reference")).all()
        waiting = session.execute(text("SELECT part, source, deployment FROM pending")).all()
    assert [(part, rows) for part, rows, _ in kept] == [("training", 7)]
    assert waiting == [("log", "d/2026-01-01/s", "d")]
    _check_requests(where)
    copies = list((home.folder / "backups").glob("store-0001-*.db"))
    assert len(copies) == home.is_sqlite


def _check_requests(where):
    """What points to requests still does, and what points to none is still refused."""
    ws = open_local(where)
    with ws.look() as session:
        asked = text("SELECT id, version_id, reason, kind, change FROM request")
        assert session.execute(asked).all() == [(3, 1, "why", "version", "")]
        assert session.execute(text("SELECT count(*) FROM decision WHERE request_id = 3")).scalar()
        if ws.home.is_sqlite:
            assert session.execute(text("PRAGMA foreign_key_check")).all() == []
    with ws.engine.connect() as connection:
        opts = {"compare_type": False, "include_name": is_no_index_of_texts}
        context = MigrationContext.configure(connection, opts=opts)
        assert compare_metadata(context, SQLModel.metadata) == []
    lost = "UPDATE decision SET request_id = 4"
    with pytest.raises(DBAPIError), ws.engine.begin() as connection:
        connection.execute(text(lost))
    ws.engine.dispose()
