"""The same story on this machine, and said to a Jupyter server from afar."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
from sklearn.base import clone

import mlflowed
from foreign import Foreign
from jupyter_mlops import open_workspace
from jupyter_mlops.commands.remote import Remote, split_address
from jupyter_mlops.domain import decided
from jupyter_mlops.domain.masked import MARK
from jupyter_mlops.errors import Conflict, Invalid, NotFound, Refused, Unavailable, UsageError
from jupyter_mlops.services.export import placing
from signing import pen
from stories import registered, tumours

TOKEN = "the-token-of-this-test"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A real Jupyter server with its own workspace; returns its address and that workspace."""
    folder = tmp_path_factory.mktemp("server")
    environ = {**os.environ, "JUPYTER_MLOPS_LANGUAGE": "en", "JUPYTER_TOKEN": TOKEN}
    environ |= {"JUPYTER_RUNTIME_DIR": str(folder / "runtime"), "HOME": str(folder)}
    settings = {
        "ServerApp.jpserver_extensions": "{'jupyter_mlops_lab': True}",
        "ServerApp.port": "0",
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.root_dir": str(folder),
        "ServerApp.allow_root": "True",
        "ServerApp.open_browser": "False",
        "ServerApp.base_url": "/base/",
        "MlopsLab.workspace": str(folder / "workspace"),
    }
    words = [f"--{name}={value}" for name, value in settings.items()]
    log = (folder / "log").open("wb")
    process = subprocess.Popen(
        [sys.executable, "-m", "jupyter_server", *words], env=environ, stdout=log, stderr=log
    )
    try:
        yield listening(folder, process), folder / "workspace"
    finally:
        with open_workspace(folder / "workspace") as session:
            session.stop()
        process.terminate()
        process.wait(30)
        log.close()


def listening(folder: Path, process) -> str:
    """Wait until the server says where it listens."""
    for _ in range(300):
        for file in (folder / "runtime").glob("jpserver-*.json"):
            if found := json.loads(file.read_text() or "{}").get("url"):
                return found
        assert process.poll() is None, (folder / "log").read_text()
        time.sleep(0.1)
    pytest.fail((folder / "log").read_text())


@pytest.fixture(params=["near", "far"])
def session(request, tmp_path):
    """A session on this machine, and one on the other side of an address."""
    if request.param == "near":
        with open_workspace(tmp_path / "workspace") as session:
            yield session
            session.stop()
        return
    address, _ = request.getfixturevalue("server")
    with open_workspace(f"{address}?token={TOKEN}") as session:
        yield session


def test_the_story_is_the_same_near_and_far(session, tmp_path):
    version = registered(session, risk="low")
    assert (version.ref, version.measured_by) == ("tumour:1", "client")
    assert session.check(version).passed
    asked = session.request(version, for_deployment="clinic", reason="first release")
    assert session.approve(asked, comment="seen").state == "approved"
    assert session.deploy(version, to="clinic").version == "tumour:1"
    _, _, holdout = tumours()
    cases = holdout.reset_index(names="case")
    answers = session.predict("clinic", cases, id="case")
    assert len(answers) == len(cases)
    told = session.actuals("clinic", cases, id="case", value="target")
    assert told.matched == len(cases)
    watched = session.monitor("clinic", since="1d")
    assert watched.accuracy["metrics"]["roc_auc"]["value"] > 0.95
    assert session.audit(verify=True, limit=5).ok
    page = session.publish(to=str(tmp_path / "page.html"))
    assert Path(page.written).read_text().startswith("<!")


def test_policies_are_written_shown_and_asked_about_near_and_far(session):
    registered(session, risk="low")
    told = session.policy(
        "firm", "for: {risk: high, subject: replacement}\nasks: {approvers: 3}\n", reason="two eyes"
    )
    assert (told.changed, told.items[0]["text"]) == (
        True,
        "for: {risk: high, subject: replacement}\nasks: {approvers: 3}\n",
    )
    with pytest.raises(Refused, match="asks for it, with the change frozen"):
        session.policy("firm", withdraw=True)
    with pytest.raises(NotFound, match="did you mean firm"):
        session.policy("firn")
    assert session.policy(who="tumour:1", for_deployment="clinic").deciders["policies"] == ["low"]
    assert session.policy(from_code="bank").code == "bank"


def test_a_request_is_spoken_of_and_taken_back_near_and_far(session):
    hostile = "<script>alert(1)</script>"
    version = registered(session, name="spoken", risk="low")
    asked = session.request(version, for_deployment="ward", reason="first release")
    told = session.comment(asked, hostile, changes=True)
    assert (told.state, told.comments[0]["text"]) == ("changes asked", hostile)
    assert told.comments[0]["by"]["label"] == "Self-recorded, not independent"
    assert "<script>" not in told._repr_mimebundle_()["text/html"]
    with pytest.raises(Refused, match="changes asked"):
        session.deploy(version, to="ward")
    assert session.comment(asked.id, "seen", settled=True).state == "open"
    shown = session.requests(str(asked.id))
    assert shown.request == asked.id
    assert f"request {asked.id}" in shown.line
    assert hostile in repr(shown)
    with pytest.raises(Invalid, match="4000 characters"):
        session.comment(asked, "x" * 4_001)
    assert session.withdraw(asked, comment="not now").state == "withdrawn"
    with pytest.raises(Conflict, match="withdrawn"):
        session.approve(asked)
    assert session.audit("request:withdrawal").items[0]["reason"] == "not now"


def test_the_audit_log_is_exported_near_and_far(session, tmp_path):
    told = session.audit(verify=True, export=str(tmp_path / "log.zip"))
    assert told.export["written"] == str(tmp_path / "log.zip")
    script = Path(placing.__file__).with_name("verify.py")
    asked = [sys.executable, "-I", "-S", script, tmp_path / "log.zip", "--head", told.head]
    done = subprocess.run(asked, env={}, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == told.because
    assert session.audit("audit:export").items[0]["after"]["digest"] == told.export["digest"]
    with pytest.raises(Conflict, match="is there already"):
        session.audit(export=str(tmp_path / "log.zip"))


def test_a_request_is_sent_near_and_far_and_no_signature_counts_without_people(session, tmp_path):
    stated = {"purpose": "see tumours early", "owner": "Ann", "unit": "clinic"}
    version = registered(session, name=f"sent{tmp_path.name}", risk="critical", **stated)
    asked = session.request(version, for_deployment=f"sent-{tmp_path.name}")
    sent = session.send(asked, to=str(tmp_path / "request.json"))
    found = decided.read_document(json.loads(Path(sent.written).read_text()))
    told = found.statement("approved", decider="ann", decided_at=asked.requested_at, comment="")
    (tmp_path / "decision.json").write_text(json.dumps(decided.signed(told, pen().sign(told))))
    with pytest.raises(Refused) as refused:
        session.receive(str(tmp_path / "decision.json"))
    assert refused.value.code == "people_unknown"
    with pytest.raises(Conflict):
        session.send(asked, to=str(tmp_path / "request.json"))


def test_a_copy_of_an_anchor_is_compared_near_and_far(session, server, tmp_path):
    """The auditor's copy is read where the auditor is, wherever the log is."""
    _, folder = server
    file = tmp_path / "log.txt"
    with open_workspace(folder if session.door.is_remote else session.where) as near:
        near.anchor(str(file))
        if session.door.is_remote:
            with pytest.raises(UsageError, match="not from afar"):
                session.anchor(str(tmp_path / "other.txt"))
        told = session.audit(verify=True, anchor=str(file))
        assert (told.ok, told.anchors[0]["where"]) == (True, str(file))
        name, size, *rest = file.read_text().split("\n")
        file.write_text("\n".join([name, str(int(size) + 1), *rest]))
        told = session.audit(verify=True, anchor=str(file))
        assert not told.ok
        assert session.audit(checkpoint=True, limit=1).checkpoint.startswith("jupyter-mlops/")
        near.anchor(str(file), remove=True)
    assert session.audit("actor:owner action:anchor").items


def test_nothing_but_what_was_exported_is_handed_out_from_afar(server):
    address, folder = server
    with open_workspace(folder) as near:
        kept = near.door.ws.artifacts.put(b"a model of somebody's")
    with open_workspace(f"{address}?token={TOKEN}") as session:
        for name in (kept, "sha256:" + "0" * 64):
            with pytest.raises(NotFound) as error:
                list(session.door.fetch(name))
            assert error.value.code == "export_not_found"
    with open_workspace(f"{address}?token=another") as session, pytest.raises(Refused):
        list(session.door.fetch(kept))


def test_a_registry_of_mlflows_comes_near_and_far(session, tmp_path):
    files = mlflowed.with_skops(mlflowed.model())
    place = mlflowed.tree(tmp_path, mlflowed.named("far"), mlflowed.version(1, "far", files=files))
    (row,) = session.import_mlflow(str(place), dry_run=True).items
    assert (row["outcome"], row["ref"]) == ("registered", "")
    (row,) = session.import_mlflow(str(place)).items
    assert (row["outcome"], row["ref"]) == ("registered", "far:1")
    assert session.check("far:1").passed


def test_a_data_subject_is_found_exported_and_erased_near_and_far(session, tmp_path):
    if not session.deployments().items:
        version = registered(session, risk="low")
        session.approve(session.request(version, for_deployment="clinic", reason="first release"))
        session.deploy(version, to="clinic")
    _, _, holdout = tumours()
    who = secrets.token_hex(8)
    cases = holdout.head(3).assign(case=["x", who, "y"])
    session.predict("clinic", cases, id="case")
    session.mask("clinic", ["mean radius"], unless="privacy")
    told = session.subject(who, export=str(tmp_path / "one.zip"))
    assert (told.rows, told.export["written"]) == (1, str(tmp_path / "one.zip"))
    assert "data" not in told.export
    with zipfile.ZipFile(tmp_path / "one.zip") as archive:
        (row,) = archive.read("predictions.jsonl").decode().splitlines()
    assert json.loads(row)["features"]["mean radius"] == MARK
    session.mask("clinic", ["mean radius"], lift=True)
    assert session.masks("privacy")[0]["lifted_at"]
    assert session.retention("clinic", predictions="400d", dry_run=True).number == 0
    done = session.erase(who, reason="asked of us")
    assert (done.state, done.rows) == ("done", 1)
    with pytest.raises(NotFound) as error:
        session.erase(who, reason="asked of us")
    assert error.value.code == "subject_not_found"
    assert session.audit(verify=True).ok


def test_rows_that_nobody_scored_are_compared_near_and_far(session, tmp_path):
    if not session.deployments().items:
        version = registered(session, risk="low")
        session.approve(session.request(version, for_deployment="clinic", reason="first release"))
        session.deploy(version, to="clinic")
    _, train, holdout = tumours()
    holdout.to_parquet(path := tmp_path / "new.parquet")
    for rows in (holdout, path, str(path)):
        found = session.drift("clinic", of=rows, together=True)
        assert (len(found.items), found.items[0]["n_current"]) == (31, len(holdout))
        assert found.together["n_current"] == len(holdout)
    found = session.drift("clinic", of=holdout, reference=train)
    assert found.reference.endswith("350 rows")
    assert session.drift("clinic", reference="holdout").reference == "holdout, 219 rows"


def test_versions_are_put_side_by_side_near_and_far(session):
    model, train, holdout = tumours()
    data = {"name": "pair", "train": train, "target": "target", "holdout": holdout}
    first = session.register(model, **data)
    others = [
        session.register(clone(model).set_params(logisticregression__C=c).fit(
            train.drop(columns="target"), train["target"]), **data)
        for c in (0.1, 0.2)
    ]  # fmt: skip
    told = session.compare(first, *others)
    assert told.refs == ["pair:1", "pair:2", "pair:3"]
    assert [test["rows"] for test in told.same_rows["tests"]] == [219, 219]


def test_a_model_known_by_name_is_registered_near_and_far(session):
    _, train, holdout = tumours()
    data = {"train": train, "target": "target", "holdout": holdout}
    version = session.register(name="away", elsewhere="core banking", **data)
    assert (version.format, version.classes) == ("named", [0, 1])
    with pytest.raises(Refused) as error:
        session.request(version, for_deployment="clinic")
    assert error.value.code == "known_by_name"
    with Foreign() as server, pytest.raises(Invalid, match="is inside"):
        session.register(server.url, name="away", **data)


def test_an_error_is_the_same_near_and_far(session):
    with pytest.raises(NotFound) as error:
        session.show("nothing:1")
    assert error.value.code == "version_not_found"
    assert str(error.value) == str(error.value).strip()
    assert "nothing" in error.value.message


def test_what_came_from_afar_says_so_in_the_audit_log(server):
    address, folder = server
    with open_workspace(f"{address}?token={TOKEN}") as far:
        far.request("tumour:1", for_deployment="clinic-of-claims")
    with open_workspace(folder) as near:
        event = near.audit("clinic-of-claims").items[0]
    assert event["actor"]["id"] == "owner"
    assert event["actor"]["claims"]["mouth"] == "python"
    assert "jupyter" in event["actor"]["claims"]


def test_words_said_here_are_not_said_from_afar(server):
    with open_workspace(f"{server[0]}?token={TOKEN}") as far:
        drill = {"archive": "a.tar", "drill": True}
        here = {"serve": {}, "stop": {}, "doctor": {}, "backup": {"to": "a.tar"}, "restore": drill}
        for word, said in here.items():
            with pytest.raises(UsageError, match="not from afar"):
                far.say(word, said)
        assert far.use().where == server[0].rstrip("/")
        assert far.dashboard().url == f"{server[0]}jupyter-mlops/dashboards/executive"


def test_a_wrong_token_and_a_wrong_place_are_told_apart(server, tmp_path):
    with pytest.raises(Refused, match="does not let you in"):
        open_workspace(f"{server[0]}?token=wrong").models()
    with pytest.raises(Unavailable, match="does not speak jupyter-mlops"):
        open_workspace(f"{server[0]}elsewhere?token={TOKEN}").models()
    with pytest.raises(Unavailable, match="does not answer"):
        open_workspace("http://127.0.0.1:9/").models()


def test_the_token_is_in_no_answer_and_no_name_of_the_session(server):
    with open_workspace(f"{server[0]}?token={TOKEN}") as far:
        assert TOKEN not in repr(far)
        assert TOKEN not in str(far.use().to_dict())


@pytest.mark.parametrize(
    ("address", "base", "token"),
    [
        ("http://h:1/?token=abc", "http://h:1", "abc"),
        ("http://h:1/base/lab/tree/a.ipynb?token=abc", "http://h:1/base", "abc"),
        ("https://h/user/me/lab", "https://h/user/me", "kept"),
        ("https://h/laboratory", "https://h/laboratory", "kept"),
    ],
)
def test_an_address_is_read_as_people_copy_it(monkeypatch, address, base, token):
    monkeypatch.setenv("JUPYTER_MLOPS_TOKEN", "kept")
    assert split_address(address) == (base, token)
    assert Remote(address).where == base
