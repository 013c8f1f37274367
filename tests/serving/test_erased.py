"""A subject is erased beside a server that answers, keeps keyed answers and writes its log on."""

import pytest

import subjects
from jupyter_mlops import open_workspace
from jupyter_mlops.config import find_home
from jupyter_mlops.services.workspace import open_local
from stories import caller, deployed

WHO = subjects.WHO
ROUTE = "/deployments/clinic/predictions"


@pytest.fixture
def session(where):
    with open_workspace(where) as session:
        deployed(session)
        yield session
        session.stop()


def test_beside_a_server_that_answers_nothing_waits_and_nothing_else_is_lost(session, where, rows):
    ws = open_local(where)
    with caller(find_home(where).folder) as client:
        keyed = {"Idempotency-Key": f"key-{WHO}"}
        body = {"rows": rows[:3], "ids": ["a", WHO, "b"]}
        first = client.post(ROUTE, json=body, headers=keyed).json()["predictions"]
        assert client.post(ROUTE, json=body, headers=keyed).json()["predictions"] == first
        done = session.erase(WHO, reason="asked of us")
        assert (done.state, done.rows) == ("done", 1)
        assert str(done).startswith("✓ 1 row is erased · erasure 1")
        later = client.post(ROUTE, json={"rows": rows[:1], "ids": ["c"]}).json()["predictions"]
        assert later
        assert subjects.traces(ws, WHO, first[1]["prediction_id"]) == []
        again = client.post(ROUTE, json=body | {"ids": ["a", "x", "b"]}, headers=keyed)
        assert again.status_code == 200  # the key is as good as new
    session.stop()
    assert session.receipt(first[0]["prediction_id"]).ok
    gone = session.receipt(first[1]["prediction_id"])
    assert gone.ok
    assert str(gone).startswith("✓ erased on ")
    ids = ws.telemetry.read_predictions("clinic")["id"].to_pylist()
    assert ids == ["a", "b", "c", "a", "x", "b"]
    assert session.audit(verify=True).ok
    ws.engine.dispose()
