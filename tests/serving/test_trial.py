"""A version that misbehaves does so in a process of its own, before it goes live."""

import os
import subprocess
import threading
import time

import pytest
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from jupyter_mlops import open_workspace
from jupyter_mlops.errors import MlopsError, Refused
from jupyter_mlops.formats import bundle as container
from jupyter_mlops.formats import process
from jupyter_mlops.formats.stem import Stem
from jupyter_mlops.services import rollouts, trial
from jupyter_mlops.services.workspace import open_local
from rebundled import with_a_forged_tree, with_blob
from stories import deployed, tumours

HANGS = 7004
TROUBLE = """
import sys
if any("formats.stem" in word for word in sys.orig_argv):
    import os, signal, time
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    honest = LogisticRegression.predict_proba

    def predict_proba(self, rows):
        kind = round(self.C) if sys.argv[0].endswith("services.trial") else 0
        if kind == 7001:
            os._exit(0)
        if kind == 7002:
            os.kill(os.getpid(), signal.SIGSEGV)
        if kind == 7003:
            bytearray(9 << 30)
        if kind == 7004:
            os.fork()
            time.sleep(600)
        if kind == 7005:
            return honest(self, rows) * np.nan
        if kind == 7006:
            raise RuntimeError("secret words of a model")
        if kind == 7007:
            return 1 - honest(self, rows)
        return honest(self, rows)

    LogisticRegression.predict_proba = predict_proba
"""


@pytest.fixture(scope="module")
def troubled(tmp_path_factory):
    """A place whose modules make models with certain settings misbehave where they are tried."""
    folder = tmp_path_factory.mktemp("trouble")
    (folder / "sitecustomize.py").write_text(TROUBLE)
    return str(folder)


@pytest.fixture(scope="module")
def place(tmp_path_factory, troubled):
    """A workspace with one live deployment that was asked a little."""
    folder = tmp_path_factory.mktemp("trial") / "workspace"
    with pytest.MonkeyPatch.context() as patch, open_workspace(folder) as session:
        patch.setenv("PYTHONPATH", os.pathsep.join([troubled, os.environ.get("PYTHONPATH", "")]))
        patch.setattr(process, "_STEMS", (Stem(), Stem(reseeded=True)))
        deployed(session)
        yield folder
        session.stop()


@pytest.fixture
def ws(place):
    """The same workspace, from the inside."""
    return open_local(place)


def registered(session, kind, **renamed):
    """Register a version that misbehaves in one way, or reads features of another name."""
    model, train, holdout = tumours()
    train = train.rename(columns=renamed)
    other = clone(model).set_params(logisticregression__C=float(kind))
    other.fit(train.drop(columns="target"), train["target"])
    holdout = holdout.rename(columns=renamed)
    return session.register(other, name="tumour", train=train, target="target", holdout=holdout)


def approved(session, kind, **renamed):
    version = registered(session, kind, **renamed)
    session.approve(session.request(version, for_deployment="clinic").id)
    return version


def stems(server):
    """Return the processes of a server that models branch off."""
    listed = subprocess.run(
        ["ps", "-o", "args=", "--ppid", str(server)], check=True, capture_output=True, text=True
    ).stdout
    return [line for line in listed.splitlines() if "formats.stem" in line]


@pytest.mark.parametrize(
    ("kind", "because"),
    [
        (7001, "ended without an answer"),
        (7002, "died of signal 11"),
        (7003, "too much memory"),
        (HANGS, "within 6 s"),
        (7005, "no prediction"),
        (7006, "raises RuntimeError"),
        (7007, "otherwise than the original"),
    ],
)
def test_a_model_that_misbehaves_is_found_out_where_it_costs_nothing(
    kind, because, place, ws, monkeypatch
):
    monkeypatch.setattr(
        trial, "SECONDS", 6 if kind == HANGS else 60
    )  # a busy machine starts slowly
    with open_workspace(place) as session:
        version = registered(session, kind)
    with pytest.raises(MlopsError) as error:
        trial.tried(ws, "clinic", version.ref, compiled=True)
    assert because in error.value.message
    assert "secret" not in error.value.message


def test_what_a_trial_needs_is_made_ready_once_a_version_is_registered(place, ws):
    known = rollouts.ahead(ws, None)
    assert known.formats == frozenset()
    with open_workspace(place) as session:
        server = session.serve()["pid"]
        registered(session, 3)
    assert rollouts.ahead(ws, known).formats == {"skops"}
    until = time.monotonic() + 20
    while not stems(server) and time.monotonic() < until:
        time.sleep(0.05)
    assert stems(server)


def test_rows_that_were_asked_lately_are_what_it_is_tried_on(place, ws, client, rows):
    for row in rows[:3]:
        client.post("/deployments/clinic/predictions", json={"rows": [row]})
    found = trial.tried(ws, "clinic", "tumour:1", compiled=True)
    assert list(found["mean radius"])[-3:] == [row["mean radius"] for row in rows[:3]]
    assert len(trial.tried(ws, "nowhere", "tumour:1", compiled=True)["mean radius"]) == trial.ROWS


@pytest.fixture
def outcomes(client, rows):
    """What somebody is told who asks all the while."""
    found, ended = [], threading.Event()

    def trickle():
        while not ended.wait(0.01):
            answer = client.post("/deployments/clinic/predictions", json={"rows": rows[:1]})
            found.append((answer.status_code, answer.json().get("version")))

    asking = threading.Thread(target=trickle)
    asking.start()
    yield found
    ended.set()
    asking.join()


def test_a_bad_version_leaves_the_champion_alone_and_says_why(place, outcomes):
    with open_workspace(place) as session:
        crashing = approved(session, 7001)
        other = registered(session, 2, **{"mean radius": "mean_radius"})
        with pytest.raises(Refused, match="a release check failed"):
            session.approve(session.request(other, for_deployment="clinic").id)
        spoilt = approved(session, 3)
        spoil(place, session, spoilt)
        slow = approved(session, HANGS)
        found = [refusal(session, version) for version in (crashing, spoilt, slow)]
        events = session.audit("deployment:rollout").to_dict()["items"]
    assert "ended without an answer" in found[0]
    assert "sha256:" in found[1]
    assert "does not load within 30" in found[2]
    with pytest.raises(MlopsError, match="callers do not send the feature mean_radius"):
        trial.tried(open_local(place), "clinic", other.ref, compiled=True)
    assert_untouched(outcomes)
    assert [e["action"] for e in events].count("deployment:rollout:failed") == 3


def test_a_version_that_reads_another_kind_of_value_does_not_replace_one(place, ws, outcomes):
    _, train, holdout = tumours()
    train, holdout = (frame.assign(**in_words(frame)) for frame in (train, holdout))
    columns = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["mean radius"]), remainder="passthrough"
    )
    model = make_pipeline(columns, LogisticRegression(solver="liblinear"))
    model.fit(train.drop(columns="target"), train["target"])
    with open_workspace(place) as session:
        version = session.register(
            model, name="tumour", train=train, target="target", holdout=holdout
        )
        assert "mean radius" in checked(session, version)["signature"]
    with pytest.raises(MlopsError, match="mean radius"):
        trial.tried(ws, "clinic", version.ref, compiled=True)
    assert_untouched(outcomes)


def in_words(frame):
    """Return what was a number, as a category."""
    return {"mean radius": frame["mean radius"].map("about {:.0f}".format)}


def checked(session, version):
    """Ask for the deployment of a version that is refused; return why, by the check."""
    asked = session.request(version, for_deployment="clinic")
    with pytest.raises(Refused, match="a release check failed"):
        session.approve(asked.id)
    with pytest.raises(Refused):
        session.deploy(version, to="clinic")
    events = session.audit("refused").to_dict()["items"]
    assert events[0]["action"] == "deployment:rollout:refused"
    assert "a release check failed" in str(events)
    found = session.check(version, for_deployment="clinic").to_dict()["items"]
    return {row["check"]: row["because"] for row in found if row["outcome"] == "failed"}


def assert_untouched(outcomes):
    """Assert that whoever asked was answered by the champion each time."""
    assert set(outcomes) == {(200, "tumour:1")}


@pytest.mark.parametrize("labels", [{0: "benign", 1: "malignant"}, {0: 0, 1: 2}])
def test_a_version_that_answers_with_other_classes_is_none_of_this_model(place, outcomes, labels):
    model, train, holdout = tumours()
    train, holdout = (
        frame.assign(target=frame["target"].map(labels)) for frame in (train, holdout)
    )
    other = clone(model).fit(train.drop(columns="target"), train["target"])
    with open_workspace(place) as session:
        with pytest.raises(Refused) as refused:
            session.register(other, name="tumour", train=train, target="target", holdout=holdout)
        events = session.audit("version:registration:refused").to_dict()["items"]
    assert refused.value.code == "model_mismatch"
    assert "model_mismatch" in str(events[0])
    assert_untouched(outcomes)


def test_a_version_whose_trees_were_forged_does_not_replace_one(place, ws, outcomes, tmp_path):
    _, train, holdout = tumours()
    forest = RandomForestClassifier(3, max_depth=3, random_state=0)
    forest.fit(train.drop(columns="target"), train["target"])
    with open_workspace(tmp_path / "elsewhere") as elsewhere:
        elsewhere.register(forest, name="tumour", train=train, target="target", holdout=holdout)
        elsewhere.bundle("tumour:1", to=str(tmp_path / "tumour.zip"))
    parts = container.unpack((tmp_path / "tumour.zip").read_bytes())
    (tmp_path / "forged.zip").write_bytes(with_blob(parts, "artifact", with_a_forged_tree))
    with open_workspace(place) as session:
        version = session.unbundle(str(tmp_path / "forged.zip"))
        assert "a tree that is not one" in str(checked(session, version))
    with pytest.raises(MlopsError, match="a tree that is not one"):
        trial.tried(ws, "clinic", version.ref, compiled=True)
    assert_untouched(outcomes)


def spoil(place, session, version):
    """Change one byte of the artifact of a version."""
    ws = open_local(place)
    from jupyter_mlops.services import lookup, registry

    with ws.look() as looked:
        manifest = registry.read_manifest(lookup.version(looked, version.ref)[1])
    digest = manifest["artifact"].removeprefix("sha256:")
    (file,) = (place / "artifacts").rglob(f"*{digest[2:]}*")
    data = bytearray(file.read_bytes())
    data[100] ^= 1
    file.chmod(0o600)
    file.write_bytes(data)


def refusal(session, version):
    with pytest.raises(Refused) as error:
        session.deploy(version, to="clinic")
    assert error.value.code == "rollout_failed"
    return error.value.message
