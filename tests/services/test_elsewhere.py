"""Models that run elsewhere are asked when they are registered, or known by name alone."""

import json
import uuid

import pytest

from foreign import Foreign, Tensors, allow
from jupyter_mlops import open_workspace
from jupyter_mlops.config import find_home
from jupyter_mlops.errors import Invalid, Refused, Unsafe, UsageError
from jupyter_mlops.services.registry import register
from jupyter_mlops.services.workspace import open_local
from stories import tumours


@pytest.fixture
def session(where):
    """A session on each database; what it has started is stopped."""
    with open_workspace(where) as session:
        yield session
        session.stop()


@pytest.fixture
def sqlite_session(tmp_path):
    """A session where the database makes no difference."""
    with open_workspace(tmp_path / "workspace") as session:
        yield session
        session.stop()


@pytest.fixture
def workspace_of():
    """Opens what a session has open, from the inside."""
    return lambda session: open_local(session.where)


def registered(session, server, name="tumour", **more):
    """Register the tumour model at an address that the owner allows."""
    _, train, holdout = tumours()
    allow(find_home(session.where).folder, server)
    told = {"train": train, "target": "target", "holdout": holdout, **more}
    return session.register(server.url, name=name, **told)


@pytest.mark.parametrize("kind", [Foreign, Tensors])
def test_a_model_at_an_address_is_asked_and_remembered(session, kind):
    with kind() as server:
        version = registered(session, server)
    assert (version.format, version.task, version.classes) == ("address", "binary", [0, 1])
    assert version.metrics["roc_auc"]["value"] > 0.99
    probe = version.lineage["probe"]
    assert probe["protocol"] == {Foreign: "rows", Tensors: "tensors"}[kind]
    assert (probe["status"], probe["rows"], probe["shape"], probe["classes"]) == (
        200, 5, [5, 2], "agree",
    )  # fmt: skip
    assert 0 < probe["ms"] < 8000


def nothing_was_registered(session):
    assert session.models().to_dict()["items"] == []


ROWS = {"predictions": [{"prediction": 1, "probabilities": {"0": 0.1, "1": 0.9}}]}


def each(**told):
    """Answer the same to each row."""
    return lambda rows: {"predictions": [told for _ in rows]}


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ({"answer": lambda _: ROWS}, "does not answer each row once"),
        ({"answer": b'{"predictions": NaN}'}, "not JSON"),
        ({"answer": each(prediction=1, probabilities={"0": 0.5, "1": None})}, "not of a form"),
        ({"answer": each(prediction=1, probabilities={"0": 0.5, "1": 0.9})}, "probabilities"),
        ({"answer": each(prediction=None)}, "not of a form"),
        ({"answer": b"<html>hello</html>"}, "not JSON"),
        ({"answer": b"[" * 200_000}, "not JSON"),
        ({"answer": b""}, "not JSON"),
        ({"status": 500}, "it fails (status 500)"),
        ({"status": 404}, "it fails (status 404)"),
        ({"status": 422}, "it refuses the rows (status 422)"),
        ({"status": 302, "location": "http://169.254.169.254/"}, "leads to another address"),
        ({"endless": True}, "does not end"),
        ({"slow": 60.0}, "does not answer in time"),
    ],
)
def test_a_model_that_answers_badly_is_not_registered(tmp_path, monkeypatch, told, why):
    monkeypatch.setattr("jupyter_mlops.formats.address.SECONDS", 3.0)
    with open_workspace(tmp_path / "workspace") as session, Foreign(**told) as server:
        with pytest.raises(Invalid) as error:
            registered(session, server)
        assert (error.value.code, why in error.value.message) == ("probe_failed", True), error.value
        assert error.value.hint
        nothing_was_registered(session)


@pytest.mark.parametrize("status", [422, 500])
def test_a_model_that_answers_the_first_rows_only_is_not_registered(sqlite_session, status):
    with Foreign() as server:
        honest = server.told

        def told(body):
            server.status = 200 if len(body.get("rows", ())) == 5 else status
            return honest(body)

        server.told = told
        with pytest.raises(Invalid) as error:
            registered(sqlite_session, server)
    assert (error.value.code, f"status {status}" in error.value.message) == ("probe_failed", True)
    nothing_was_registered(sqlite_session)


def test_classes_that_differ_are_refused(sqlite_session):
    with Foreign(each(prediction="a", probabilities={"a": 0.5, "b": 0.5})) as server:
        with pytest.raises(Invalid) as error:
            registered(sqlite_session, server)
        assert error.value.code == "classes_differ"
        with pytest.raises(Invalid) as error:
            registered(sqlite_session, server, task="regression", classes=["a", "b"])
        assert error.value.code == "classes_invalid"
    nothing_was_registered(sqlite_session)


@pytest.mark.parametrize(
    ("url", "code", "why"),
    [
        ("http://127.0.0.1:9/predict", "probe_failed", "is inside"),
        ("http://localhost:9/predict", "probe_failed", "is inside"),
        ("http://169.254.169.254/latest/meta-data", "probe_failed", "is inside"),
        ("http://[::ffff:127.0.0.1]:9/", "probe_failed", "is inside"),
        ("http://10.0.0.1/", "probe_failed", "is inside"),
        ("http://no-such-host.invalid/", "probe_failed", "cannot be found"),
        ("http://user:secret@host/", "address_invalid", "name or password"),
        ("https://host/x?code=secret", "address_invalid", "may be a secret"),
        ("http://host/\r\nX: y", "address_invalid", ""),
        ("http://", "address_invalid", ""),
    ],
)
def test_an_address_inside_or_with_a_secret_is_refused(sqlite_session, url, code, why):
    _, train, _ = tumours()
    with pytest.raises(Invalid) as error:
        sqlite_session.register(url, name="tumour", train=train, target="target")
    assert (error.value.code, why in error.value.message) == (code, True), error.value
    assert "secret@" not in str(error.value)
    assert "=secret" not in str(error.value)
    nothing_was_registered(sqlite_session)


def test_the_deed_itself_asks_no_address_inside(sqlite_session, workspace_of):
    with Foreign() as server:
        registered(sqlite_session, server)
        ws = workspace_of(sqlite_session)
        version = sqlite_session.show("tumour:1")
        told = {
            "$blob": version.lineage["artifact"], "format": "address", "task": version.task,
            "classes": version.classes, "features": version.features, "requirements": {},
        }  # fmt: skip
        register(ws, told, name="again", target="target")
        with pytest.raises(Unsafe):
            register(ws, {**told, "classes": [0, 2]}, name="other", target="target")
        ws.home.allowed_file.unlink()
        with pytest.raises(Invalid, match="inside"):
            register(ws, told, name="third", target="target")


def test_a_token_is_sent_to_the_address_it_is_for_and_kept_nowhere(sqlite_session, monkeypatch):
    secret = uuid.uuid4().hex  # the file of this test is in the lineage, as a change in git
    with Foreign(token=secret) as server:
        origin = f"http://127.0.0.1:{server.port}"
        for value in (None, secret, f"http://127.0.0.1:1 {secret}", f"{origin}\r\nX: {secret}"):
            if value is not None:
                monkeypatch.setenv("SCORING", value)
            with pytest.raises(Invalid) as error:
                registered(sqlite_session, server, token_from="SCORING")
            assert (error.value.code, secret in str(error.value)) == ("token_missing", False)
        assert server.asked == []
        monkeypatch.setenv("SCORING", f"{origin} {secret}")
        version = registered(sqlite_session, server, token_from="SCORING")
        with pytest.raises(Invalid, match="status 401"):
            registered(sqlite_session, server, name="other")
    told = json.dumps([version.to_dict(), sqlite_session.audit().to_dict()])
    assert "SCORING" in told
    assert secret not in told
    folder = find_home(sqlite_session.where).folder
    assert not [f for f in folder.rglob("*") if f.is_file() and secret.encode() in f.read_bytes()]


def test_the_same_model_is_the_same_version_and_another_kind_is_refused(session):
    model, train, holdout = tumours()
    with Foreign() as server:
        assert registered(session, server).new
        again = registered(session, server)
        assert (again.ref, again.new) == ("tumour:1", False)
        other = session.register(
            model, name="tumour", train=train, target="target", holdout=holdout
        )
        assert other.ref == "tumour:2"
        with pytest.raises(Refused) as error:
            registered(session, server, target="mean radius", task="regression")
        assert error.value.code in ("model_mismatch", "probe_failed")


def outcomes(checks):
    return {row["check"]: row["outcome"] for row in checks["items"]}


def test_what_can_be_tried_of_a_model_elsewhere_is_tried(session):
    with Foreign() as server:
        found = session.check(registered(session, server)).to_dict()
    told = outcomes(found)
    assert found["passed"], found["items"]
    for check in ("artifact", "loads", "row_by_row", "column_order", "missing"):
        assert told[check] == "passed", found["items"]
    for check in ("footprint", "restarts", "compiled", "importance"):
        assert told[check] == "not applicable"
    (footprint,) = (row for row in found["items"] if row["check"] == "footprint")
    assert footprint["because"] == "The model runs elsewhere: only its answers can be tried."


def test_a_model_that_is_gone_fails_its_checks_and_says_why(sqlite_session):
    with Foreign() as server:
        version = registered(sqlite_session, server)
    found = sqlite_session.check(version).to_dict()
    (loads,) = (row for row in found["items"] if row["check"] == "loads")
    assert (found["passed"], loads["outcome"]) == (False, "failed")
    assert "nothing listens there" in loads["because"]


def named(session, name="tumour", **more):
    """Register the tumour model as one that is known by name alone."""
    _, train, holdout = tumours()
    told = {"train": train, "target": "target", "holdout": holdout, **more}
    return session.register(name=name, elsewhere="the clinic's own system", **told)


def test_a_model_known_by_name_is_remembered_but_cannot_be_deployed(session):
    version = named(session, metrics={"roc_auc": 0.9})
    assert (version.format, version.task, version.classes) == ("named", "binary", [0, 1])
    assert version.metrics["roc_auc"]["value"] == 0.9
    assert set(outcomes(session.check(version).to_dict()).values()) == {"not applicable"}
    for refused in (
        lambda: session.request(version, for_deployment="clinic"),
        lambda: session.deploy(version, to="clinic"),
    ):
        with pytest.raises(Refused) as error:
            refused()
        assert error.value.code == "known_by_name"
        assert error.value.hint
    assert session.audit("refused").to_dict()["items"]


def test_a_model_known_by_name_needs_no_data(sqlite_session):
    version = sqlite_session.register(
        name="tumour", elsewhere="SAP", task="binary", classes=["no", "yes"], target="ill"
    )
    assert (version.classes, version.features) == (["no", "yes"], [])
    for said, code in [
        ({}, "classes_unknown"),
        ({"task": "binary", "classes": ["a", "b", "c"]}, "classes_invalid"),
        ({"task": "regression", "token_from": "X"}, "not_elsewhere"),
    ]:
        with pytest.raises(Invalid) as error:
            sqlite_session.register(name="other", elsewhere="SAP", **said)
        assert error.value.code == code
    for model, elsewhere in ((None, ""), (tumours()[0], "SAP")):
        with pytest.raises(UsageError):
            sqlite_session.register(model, name="other", elsewhere=elsewhere)
    with pytest.raises(Invalid) as error:
        sqlite_session.register(tumours()[0], name="other", task="binary")
    assert error.value.code == "not_elsewhere"


HOSTILE = "</script><img src=x onerror=alert(1)>\u202e|[x](javascript:1)"


def test_everything_that_tells_of_versions_tells_of_these_too(session, tmp_path):
    model, train, holdout = tumours()
    session.register(model, name="tumour", train=train, target="target", holdout=holdout)
    with Foreign() as server:
        registered(session, server)
        session.register(
            name="tumour", train=train, target="target", holdout=holdout, elsewhere=HOSTILE
        )
        for ref in ("tumour:2", "tumour:3"):
            told = session.compare("tumour:1", ref)
            assert told.refs == ["tumour:1", ref]
            for answer in (session.show(ref), session.lineage(ref), told):
                assert "onerror=alert(1)>" not in answer._repr_mimebundle_()["text/html"]
                assert "elsewhere" in str(session.show(ref))
            for kind in ("html", "md"):
                session.card(ref, to=str(page := tmp_path / f"card.{kind}"))
                assert "elsewhere" in page.read_text()
                assert "<img src=x" not in page.read_text()
            session.document(ref, template="annex-iv", to=str(page := tmp_path / "annex.html"))
            assert "<img src=x" not in page.read_text()
            session.bundle(ref, to=str(tmp_path / f"{ref[-1]}.zip"))
        before = len(server.asked)
        assert session.compare("tumour:1", "tumour:2").same_rows["tests"]
        assert len(server.asked) > before  # what runs elsewhere may say something else now
        (absent,) = session.compare("tumour:1", "tumour:3").same_rows["absent"]
        assert "known only by name" in absent["because"]
    with open_workspace(tmp_path / "other") as other:
        for number in (2, 3):
            version = other.unbundle(str(tmp_path / f"{number}.zip"))
            assert version.format == {2: "address", 3: "named"}[number]
