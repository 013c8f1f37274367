"""A receipt leads from one prediction to the people who let its version answer."""

import contextlib
import json
from hashlib import sha256

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import inspect, text

from jupyter_mlops import open_workspace
from jupyter_mlops.config import find_home
from jupyter_mlops.domain import merkle
from jupyter_mlops.errors import Invalid, NotFound, Unavailable
from jupyter_mlops.locale import language
from jupyter_mlops.services import segments
from jupyter_mlops.services.workspace import open_local
from stories import caller, deployed
from traffic import one_answer

ASKED = 5


@pytest.fixture(scope="module")
def made(shared_where, rows):
    """A workspace whose server has answered and stopped, and the ids of what it said."""
    with open_workspace(shared_where) as session:
        deployed(session)
        with caller(find_home(shared_where).folder) as client:
            asked = {"rows": rows[:ASKED]}
            answer = client.post("/deployments/clinic/predictions", json=asked)
        session.stop()
        yield session, [one["prediction_id"] for one in answer.json()["predictions"]]


@pytest.fixture
def file(made, shared_where):
    """The one sealed file; it is again what it was after the test."""
    (file,) = find_home(shared_where).folder.joinpath("predictions").rglob("*.parquet")
    before = file.read_bytes()
    yield file
    file.write_bytes(before)


def changed(file, change):
    """Rewrite a sealed file with its rows changed."""
    table = pq.ParquetFile(file).read()
    rows = table.to_pylist()
    change(rows)
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), file)


@contextlib.contextmanager
def forged(where, table, key, statement):
    """Change a table of the store past its triggers, and have it as it was in the end."""
    ws = open_local(where)

    def do(*statements):
        with ws.engine.begin() as connection:
            for one in statements:
                connection.execute(text(one))

    if ws.home.is_sqlite:
        with ws.engine.begin() as connection:
            named = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = :t"
            triggers = connection.execute(text(named), {"t": table}).scalars().all()
        do(*(f"DROP TRIGGER {name}" for name in triggers))
    else:
        do(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    do(f"CREATE TABLE saved AS SELECT * FROM {table}")  # noqa: S608
    do(statement)
    yield
    names = [column["name"] for column in inspect(ws.engine).get_columns(table)]
    same = f"saved.{key} = {table}.{key}"
    back = ", ".join(f"{one} = (SELECT {one} FROM saved WHERE {same})" for one in names)  # noqa: S608
    lost = f"SELECT * FROM saved WHERE {key} NOT IN (SELECT {key} FROM {table})"  # noqa: S608
    again = f"INSERT INTO {table} {lost}"
    do(f"UPDATE {table} SET {back}", again, "DROP TABLE saved")  # noqa: S608
    ws.engine.dispose()


def broken(session, prediction):
    """Return the steps of a receipt that do not hold."""
    found = session.receipt(prediction).to_dict()
    steps = {one["step"]: one["because"] for one in found["steps"] if not one["holds"]}
    assert found["ok"] is not bool(steps)
    return steps


def test_a_prediction_leads_to_its_version_and_the_people(made):
    session, ids = made
    for prediction in ids:
        found = session.receipt(prediction).to_dict()
        assert found["ok"], found["because"]
        assert [step["step"] for step in found["steps"]] == [
            "row", "segment", "event", "version", "approval",
        ]  # fmt: skip
        assert (found["ref"], found["deployment"], found["rows"]) == ("tumour:1", "clinic", ASKED)
        (decision,) = found["decisions"]
        assert (decision["outcome"], decision["by"]["assurance"]) == ("approved", "recorded")
    shown = session.receipt(ids[0])
    assert str(shown).startswith("✓ tumour:1 answered at ")
    (by,) = {one["by"]["id"] for one in found["decisions"]}
    assert f"Request 1 was approved: {by} (" in repr(shown)
    with language("ja"):
        assert "承認" in repr(session.receipt(ids[0], deployment="clinic"))


def test_its_first_steps_can_be_followed_with_a_hash_alone(made):
    session, ids = made
    found = session.receipt(ids[3]).to_dict()
    now = sha256(b"\x00" + found["row"].encode()).digest()
    assert found["leaf"] == "sha256:" + now.hex()
    assert json.loads(found["row"])["prediction_id"] == ids[3]
    for beside in found["siblings"]:
        other = bytes.fromhex(beside["digest"].removeprefix("sha256:"))
        pair = other + now if beside["side"] == "left" else now + other
        now = sha256(b"\x01" + pair).digest()
    assert found["root"] == "sha256:" + now.hex()
    (event,) = [
        one for one in session.audit("segment:seal").to_dict()["items"]
        if one["seq"] == found["event"]
    ]  # fmt: skip
    assert event["after"]["root"] == found["root"]
    assert event["digest"] == found["event_digest"]
    assert found["head"] == session.audit(verify=True).to_dict()["head"]


def test_a_changed_row_is_found_out(made, file):
    session, ids = made
    changed(file, lambda rows: rows[1].update(score=0.123))
    assert set(broken(session, ids[1])) == {"row"}
    assert broken(session, ids[0]) == {}  # its own row, and the leaves of all others, still hold


def test_a_row_with_a_new_digest_does_not_lead_to_the_root(made, file):
    session, ids = made

    def change(rows):
        rows[1]["score"] = 0.123
        rows[1]["leaf"] = merkle.leaf(rows[1])

    changed(file, change)
    assert set(broken(session, ids[1])) == {"segment", "event"}
    assert set(broken(session, ids[0])) == {"segment", "event"}


@pytest.mark.parametrize(
    ("table", "key", "statement", "step", "because"),
    [
        (
            "audit_event",
            "seq",
            "UPDATE audit_event SET body = replace(body, 'segment:seal', 'segment:sale')"
            " WHERE action LIKE 'segment:seal%'",
            "event",
            "tells of another root",
        ),
        (
            "audit_event",
            "seq",
            "DELETE FROM audit_event WHERE action LIKE 'segment:seal%'",
            "event",
            "No event of the audit log",
        ),
        (
            "audit_event",
            "seq",
            "UPDATE audit_event SET body = replace(body, 'tumour', 'rumour') WHERE seq = 2",
            "event",
            "not whole: event 2",
        ),
        (
            "segment",
            "id",
            "UPDATE segment SET root = 'sha256:0'",
            "segment",
            "do not lead to the root",
        ),
        (
            "version",
            "id",
            "UPDATE version SET manifest = replace(manifest, 'mean radius', 'mean radios')",
            "version",
            "was changed after registration",
        ),
        ("version", "id", "UPDATE version SET digest = 'sha256:0'", "version", "No version has"),
        (
            "decision",
            "id",
            "UPDATE decision SET outcome = 'rejected'",
            "approval",
            "is not approved",
        ),
        ("rollout", "id", "UPDATE rollout SET since = '2999-01-01'", "approval", "Nothing says"),
    ],
)
def test_what_was_forged_in_the_store_is_named(
    made, shared_where, table, key, statement, step, because
):
    session, ids = made
    with forged(shared_where, table, key, statement):
        assert because in broken(session, ids[0])[step]
    assert broken(session, ids[0]) == {}


def test_before_its_segment_is_sealed_it_says_when_to_come_again(made, shared_where, rows):
    session, _ = made
    ws = open_local(shared_where)
    log = ws.telemetry.open_log("clinic")
    one_answer(log, rows[0])
    with pytest.raises(Unavailable, match="not sealed yet") as early:
        session.receipt("p")
    assert early.value.code == "not_sealed_yet"
    log.close()
    segments.seal(ws)
    found = broken(session, "p")  # sealed, and nobody ever let such a version answer
    assert set(found) == {"version", "approval"}
    ws.engine.dispose()


@pytest.mark.parametrize("name", ["", "   ", "x" * 201])
def test_what_is_no_id_is_refused(sqlite_workspace, name):
    with open_workspace(sqlite_workspace.home.folder) as session, pytest.raises(Invalid):
        session.receipt(name)


@pytest.mark.parametrize(
    "name", ["nobody", "<script>alert(1)</script>", "ffffffffffff", "' OR 1=1"]
)
def test_an_id_that_nobody_was_given_is_not_found(made, name):
    session, _ = made
    with pytest.raises(NotFound) as refused:
        session.receipt(name)
    assert refused.value.code == "prediction_not_found"
    with pytest.raises(NotFound, match="No deployment is called"):
        session.receipt(name, deployment="nowhere")
