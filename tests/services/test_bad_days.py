"""What goes wrong is one line and a hint, and leaves nothing half-done."""

import json
import pickle
import socket
import time

import pandas as pd
import pytest
from sklearn.base import clone

from jupyter_mlops import open_workspace
from jupyter_mlops.errors import (
    Conflict,
    Invalid,
    NotFound,
    Refused,
    Unavailable,
    Unsafe,
)
from jupyter_mlops.services import server
from stories import approved, deployed, progression, registered, tumours

STATED = {"purpose": "second reading", "owner": "Ann", "unit": "Pathology"}


@pytest.fixture
def session(where):
    """A session on each database; the server it started is stopped."""
    session = open_workspace(where)
    yield session
    session.stop()


def events(session):
    return session.audit(limit=100).to_dict()["items"]


def test_a_model_that_was_never_fitted(session):
    model, train, _ = tumours()
    with pytest.raises(Invalid, match="never fitted") as refused:
        session.register(clone(model), name="tumour", train=train, target="target")
    assert "fit" in refused.value.hint
    assert len(events(session)) == 1


def test_a_frame_that_lacks_a_feature(session):
    model, train, _ = tumours()
    with pytest.raises(Invalid, match="mean radius") as refused:
        session.register(
            model, name="tumour", train=train.drop(columns="mean radius"), target="target"
        )
    assert refused.value.code == "feature_missing"


def test_a_target_that_is_not_there_meets_the_one_that_was_meant(session):
    model, train, _ = tumours()
    with pytest.raises(Invalid) as refused:
        session.register(model, name="tumour", train=train, target="targt")
    assert "did you mean target?" in refused.value.hint


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "a b", "../x", ""])
def test_a_name_that_is_none_is_refused_before_anything_is_kept(name, session):
    with pytest.raises(Invalid, match="cannot be the name of a model"):
        registered(session, name=name)
    assert session.models().to_dict()["items"] == []


def test_a_pickle_is_refused_unread(session, tmp_path):
    class Bomb:
        def __reduce__(self):
            return (open, (str(tmp_path / "exploded"), "w"))

    file = tmp_path / "model.skops"
    file.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(Unsafe):
        session.register(str(file), name="tumour")
    assert not (tmp_path / "exploded").exists()


def test_a_deployment_that_does_not_exist(session):
    deployed(session)
    with pytest.raises(NotFound) as refused:
        session.predict("clnic", [{"a": 1}])
    assert "did you mean clinic?" in refused.value.hint


def test_what_is_not_approved_is_not_deployed_and_says_why(session):
    registered(session)
    with pytest.raises(Refused, match="never requested") as refused:
        session.deploy("tumour:1", to="clinic")
    assert "request tumour:1 --for clinic" in refused.value.hint
    session.request("tumour:1", for_deployment="clinic")
    with pytest.raises(Refused, match="is open"):
        session.deploy("tumour:1", to="clinic")
    assert events(session)[0]["action"] == "deployment:rollout:refused"


def test_one_approval_carries_a_version_out_once(session):
    deployed(session)
    with pytest.raises(Refused, match="carried out"):
        session.deploy("tumour:1", to="clinic")


@pytest.mark.parametrize("risk", ["high", "critical"])
def test_a_risky_model_says_what_it_is_for_and_who_answers_for_it(session, risk):
    for missing in STATED:
        with pytest.raises(Invalid, match=missing) as error:
            registered(session, risk=risk, **{**STATED, missing: " "})
        assert (error.value.code, f"--{missing}" in error.value.hint) == ("not_stated", True)
    assert session.models().to_dict()["items"] == []
    assert events(session)[0]["action"] == "version:registration:refused"
    registered(session, **STATED)  # what an earlier version said need not be said again
    other, train, holdout = progression()
    with pytest.raises(Invalid):
        session.register(other, name="y", train=train, target="target", holdout=holdout, risk=risk)


def test_approving_ones_own_high_risk_model_records_nothing(session):
    registered(session, risk="high", **STATED)
    asked = session.request("tumour:1", for_deployment="clinic")
    with pytest.raises(Refused) as refused:
        session.approve(asked.id)
    assert refused.value.code == "assurance_too_low"
    assert session.requests().to_dict()["items"][0]["decisions"] == []
    assert events(session)[0]["action"] == "request:approval:refused"


def test_a_kernel_and_a_panel_are_one_person_whatever_they_claim(where):
    from jupyter_mlops.services import approvals
    from jupyter_mlops.services.workspace import open_local

    registered(open_workspace(where), risk="high", **STATED)
    kernel = open_local(where, mouth="kernel", claims={"user": "alice"})
    panel = open_local(where, mouth="panel", claims={"user": "Anonymous Themisto"})
    asked = approvals.request(kernel, "tumour:1", for_deployment="clinic")
    with pytest.raises(Refused, match="knows one person"):
        approvals.approve(panel, asked["id"])
    assert kernel.actor.id == panel.actor.id


def test_a_rejected_request_is_closed(session):
    registered(session)
    asked = session.request("tumour:1", for_deployment="clinic")
    assert session.reject(asked.id, comment="not yet").state == "rejected"
    with pytest.raises(Conflict, match="nothing left to decide"):
        session.approve(asked.id)


def test_a_port_in_use_is_one_line_and_nothing_runs(session):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(Unavailable, match=f"Port {port} cannot be used"):
            session.serve(port=port)
    assert session.use().server is None


def test_a_server_that_died_is_found_out_and_started_again(session, where):
    import os
    import signal

    from jupyter_mlops.services.workspace import open_local

    deployed(session)
    ws = open_local(where)
    known = json.loads(ws.home.server_file.read_text())
    os.kill(known["pid"], signal.SIGKILL)
    until = time.monotonic() + 20
    while server.find(ws) is not None and time.monotonic() < until:
        time.sleep(0.02)
    with pytest.raises(Unavailable, match="No prediction server runs"):
        session.predict("clinic", tumours()[1].drop(columns="target").head(1))
    assert session.deployments().to_dict()["items"][0]["state"] == "down"
    assert session.serve().running
    assert session.predict("clinic", tumours()[1].drop(columns="target").head(1)).items


def test_changed_bytes_are_never_served(session, where):
    from jupyter_mlops.services.workspace import open_local

    approved(session)
    home = open_local(where).home
    for file in home.artifacts.rglob("*"):
        if file.is_file():
            file.chmod(0o600)
            file.write_bytes(b"\x08other")
    with pytest.raises(Refused, match="keeps what it served"):
        session.deploy("tumour:1", to="clinic")
    assert session.deployments().to_dict()["items"][0]["version"] is None


def test_forged_rows_do_not_approve(session, where):
    from sqlalchemy import text

    from jupyter_mlops.services.workspace import open_local

    registered(session)
    session.request("tumour:1", for_deployment="clinic")
    ws = open_local(where)
    with ws.engine.begin() as connection:
        connection.execute(text("UPDATE request SET state = 'approved'"))
    with pytest.raises(Refused, match="not approved"):
        session.deploy("tumour:1", to="clinic")


def test_a_retired_deployment_keeps_its_history_and_its_name(session):
    deployed(session)
    assert session.retire("clinic", reason="replaced by a lab test").state == "retired"
    with pytest.raises(Conflict, match="retired already"):
        session.retire("clinic")


@pytest.mark.parametrize("rows", [pd.DataFrame(), pd.DataFrame({"case": [1], "truth": ["maybe"]})])
def test_actuals_that_are_none_are_refused(rows, session):
    deployed(session)
    with pytest.raises(Invalid):
        session.actuals("clinic", rows, id="case", value="truth")


def test_actuals_whose_writer_died_are_neither_lost_nor_unaccounted_for(tmp_path):
    session = open_workspace(tmp_path / "workspace")
    deployed(session)
    rows = tumours()[2].head(6).reset_index(names="case")
    session.predict("clinic", rows, id="case")
    telemetry = session.door.ws.telemetry

    def die(_path):
        raise KeyboardInterrupt

    telemetry.announce, announce = die, telemetry.announce
    with pytest.raises(KeyboardInterrupt):
        session.actuals("clinic", rows.head(2), id="case", value="target")
    telemetry.announce = announce
    stray = telemetry.write_actuals("clinic", [], known_at=session.door.ws.clock())
    assert telemetry.read_actuals("clinic").num_rows == 0
    session.stop()
    session.serve()
    assert telemetry.read_actuals("clinic").num_rows == 2
    session.actuals("clinic", rows.tail(4), id="case", value="target")
    assert telemetry.read_actuals("clinic").num_rows == 6
    assert not stray.exists()
    assert telemetry.unannounced("clinic") == []
    session.stop()
