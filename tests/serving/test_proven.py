"""A version that a server has in memory is believed no more than one it has to load."""

import time

import pytest
import sqlmodel

from governed import forged
from jupyter_mlops import open_workspace
from jupyter_mlops.services.workspace import open_local
from jupyter_mlops.store import tables
from stories import approved_again, caller, deployed, tumours

ROWS = tumours()[2].drop(columns="target").head(1).to_dict("records")
SECONDS = 1.5
"""In which a server looks at the store more than ten times."""


@pytest.fixture(scope="module", params=[1, 2])
def place(request, tmp_path_factory):
    """The second version answers, from one process or two, and the first is in memory still."""
    folder = tmp_path_factory.mktemp("proven") / "workspace"
    with open_workspace(folder) as session:
        session.serve(processes=request.param)
        deployed(session)
        session.deploy(approved_again(session, 0.5), to="clinic", gate="swap")
        yield session, folder
        session.stop()


@pytest.fixture
def asked(place):
    """A request for the first version that nobody has decided, and the store from the inside."""
    session, folder = place
    waiting = session.request("tumour:1", for_deployment="clinic", reason="back")
    ws = open_local(folder)
    yield ws, waiting.id
    ws.engine.dispose()
    session.withdraw(waiting.id)


def slipped_in(ws, request, state):
    """Write a rollout by an approval that nobody gave, and stir the store so that a server looks."""
    with ws.look() as session:
        version = session.get_one(tables.Request, request).version_id
        place = session.exec(sqlmodel.select(tables.Deployment)).one()
    since = ws.now() if state == "live" else ""
    (rollout,) = forged(
        ws,
        tables.Rollout(
            deployment_id=place.id, version_id=version, request_id=request, action="deploy",
            role="champion", because="", state=state, at=ws.now(), since=since,
        ),
    )  # fmt: skip
    with ws.act("test:deed", subject="rollout"):
        pass
    return rollout.id


def versions(folder):
    """Ask for a while, on connections that any process may take; return who answered."""
    found, until = set(), time.monotonic() + SECONDS
    while time.monotonic() < until:
        with caller(folder) as client:
            answer = client.post("/deployments/clinic/predictions", json={"rows": ROWS})
        found.add(answer.json()["version"])
    return found


@pytest.mark.parametrize("states", [("loading",), ("live",), ("loading", "live")])
def test_what_is_in_memory_is_not_served_by_an_approval_that_nobody_gave(place, asked, states):
    ws, request = asked
    assert versions(place[1]) == {"tumour:2"}
    rollout = slipped_in(ws, request, states[0])
    for state in states[1:]:
        with sqlmodel.Session(ws.engine) as session:
            found = session.get_one(tables.Rollout, rollout)
            found.state = state
            session.add(found)
            session.commit()
    assert versions(place[1]) == {"tumour:2"}
    with sqlmodel.Session(ws.engine) as session:
        session.delete(session.get_one(tables.Rollout, rollout))
        session.commit()
