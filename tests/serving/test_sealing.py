"""A sealed segment: its root is in the audit log, and each row can be led back to it."""

import pyarrow.parquet as pq
import pytest

from jupyter_mlops import open_workspace
from jupyter_mlops.domain import merkle
from jupyter_mlops.services import segments
from jupyter_mlops.services.workspace import open_local
from jupyter_mlops.store.sealing import seal
from stories import caller, deployed
from traffic import one_answer


@pytest.fixture
def folder(tmp_path, rows):
    """A workspace whose server has answered, and has stopped."""
    with open_workspace(tmp_path / "here") as session:
        deployed(session)
        with caller(tmp_path / "here") as client:
            for at in range(3):
                asked = {"rows": rows[: at + 1]}
                client.post("/deployments/clinic/predictions", json=asked).raise_for_status()
        session.stop()
    return tmp_path / "here"


def sealed(folder):
    """The event of the one sealed file, and its rows."""
    with open_workspace(folder) as session:
        (event,) = session.audit("segment:seal").to_dict()["items"]
    (file,) = (folder / "predictions").rglob("*.parquet")
    return event["after"], pq.ParquetFile(file).read().to_pylist()


def test_the_root_in_the_audit_log_is_that_of_the_rows(folder):
    told, rows = sealed(folder)
    leaves = [merkle.leaf(row) for row in rows]
    assert told["rows"] == len(rows) == 6
    assert told["root"] == "sha256:" + merkle.root(leaves)
    for at, start in enumerate(leaves):
        assert "sha256:" + merkle.climbed(start, merkle.path(leaves, at)) == told["root"]


def test_an_erased_row_leaves_a_leaf_that_nobody_can_guess(folder):
    told, rows = sealed(folder)
    leaves = [merkle.leaf(row) for row in rows]
    assert len({row["salt"] for row in rows}) == len(rows)
    assert all(len(row["salt"]) == 38 for row in rows)
    kept = [leaves[0], *[merkle.leaf(row) for row in rows[1:]]]  # the row is gone, its leaf is not
    assert "sha256:" + merkle.root(kept) == told["root"]


def test_a_changed_row_does_not_lead_to_the_root(folder):
    told, rows = sealed(folder)
    rows[2]["score"] = 0.5
    assert "sha256:" + merkle.root([merkle.leaf(row) for row in rows]) != told["root"]


def test_sealing_again_after_a_crash_writes_the_same_and_tells_once(tmp_path, folder, rows):
    ws = open_local(folder)
    log = ws.telemetry.open_log("clinic")
    one_answer(log, rows[0])
    log.close()
    (segment,) = (folder / "spool/clinic").glob("*.log")
    copy = segment.read_bytes()
    told = []

    def crash(found):
        told.append(found)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ws.telemetry.seal(crash)
    assert segment.read_bytes() == copy
    segments.seal(ws)
    segment.write_bytes(copy)
    segments.seal(ws)
    seal(segment, tmp_path / "p", tmp_path / "r", told.append)
    with open_workspace(folder) as session:
        events = session.audit("segment:seal").to_dict()["items"]
    assert [event["after"]["root"] for event in events].count(told[0].root) == 1
