"""A model that runs elsewhere answers through our server, which stands between it and those who ask."""

import json
import time

import pytest

from foreign import Foreign, allow, chances, well
from jupyter_mlops import open_workspace
from jupyter_mlops.config import find_home
from stories import caller, deployed, tumours


@pytest.fixture(scope="module")
def server():
    """The model, which tests have answer otherwise for a while."""
    with Foreign() as server:
        yield server


@pytest.fixture(scope="module")
def session(shared_where, server):
    """A session whose clinic is served by it, on each database."""
    with open_workspace(shared_where) as session:
        allow(find_home(shared_where).folder, server)
        _, train, holdout = tumours()
        version = session.register(
            server.url, name="tumour", train=train, target="target", holdout=holdout
        )
        session.approve(session.request(version, for_deployment="clinic").id)
        session.deploy(version, to="clinic")
        yield session
        session.stop()


@pytest.fixture
def client(session, shared_where):
    """One who asks our server."""
    with caller(find_home(shared_where).folder) as client:
        yield client


@pytest.fixture
def rows():
    """Rows of the holdout, as callers send them."""
    return json.loads(tumours()[2].drop(columns="target").head(20).to_json(orient="records"))


def asked(client, rows):
    return client.post("/deployments/clinic/predictions", json={"rows": rows})


def test_its_answers_are_ours_logged_and_watched(session, client, rows):
    answer = asked(client, rows)
    assert answer.status_code == 200, answer.text
    told = answer.json()["predictions"]
    assert [one["probabilities"]["1"] for one in told] == pytest.approx(
        [one[1] for one in chances(rows)]
    )
    cases = tumours()[2].reset_index(names="case")
    session.predict("clinic", cases, id="case")
    session.actuals("clinic", cases, id="case", value="target")
    watched = session.monitor("clinic", since="1d")
    assert watched.accuracy["metrics"]["roc_auc"]["value"] > 0.95


@pytest.mark.parametrize(
    ("trouble", "code", "why"),
    [
        ({"status": 500}, "elsewhere_unavailable", "status 500"),
        ({"status": 302}, "elsewhere_unavailable", "another address"),
        ({"answer": b"<html>"}, "elsewhere_unavailable", "not JSON"),
        ({"answer": lambda rows: well(rows[:-1])}, "elsewhere_unavailable", "each row once"),
        ({"slow": 9.0}, "elsewhere_unavailable", "in time"),
    ],
)
def test_what_goes_wrong_elsewhere_is_told_and_passes(
    session, client, rows, server, monkeypatch, trouble, code, why
):
    with monkeypatch.context() as patch:
        for name, value in trouble.items():
            patch.setattr(server, name, value)
        began = time.monotonic()
        answer = asked(client, rows)
        assert (answer.status_code, answer.json()["code"]) == (503, code), answer.text
        assert why in answer.json()["detail"]
        assert str(server.port) not in answer.text
        assert time.monotonic() - began < 12
    assert asked(client, rows).status_code == 200


def test_a_row_that_it_refuses_fails_alone(session, client, rows, server, monkeypatch):
    spoilt = [{**row} for row in rows[:4]]
    spoilt[2]["mean radius"] = 12345.0
    honest = server.told

    def told(body):
        is_bad = any(row["mean radius"] == 12345.0 for row in body["rows"])
        server.status = 422 if is_bad else 200
        return b"{}" if is_bad else honest(body)

    with monkeypatch.context() as patch:
        patch.setattr(server, "told", told)
        answer = asked(client, spoilt)
        server.status = 200
    assert answer.status_code == 200, answer.text
    said = [one["prediction"] for one in answer.json()["predictions"]]
    assert (said[2], None in (said[0], said[1], said[3])) == (None, False)


def test_its_place_inside_can_be_taken_back_before_it_is_deployed_again(session, shared_where):
    home = find_home(shared_where)
    known = home.allowed_file.read_text()
    home.allowed_file.write_text("")
    try:
        found = session.check("tumour:1").to_dict()
    finally:
        home.allowed_file.write_text(known)
    (loads,) = (row for row in found["items"] if row["check"] == "loads")
    assert (loads["outcome"], "is inside" in loads["because"]) == ("failed", True)


def test_our_server_begins_while_the_other_is_silent(
    session, shared_where, rows, server, monkeypatch
):
    session.stop()
    with monkeypatch.context() as patch:
        patch.setattr(server, "status", 500)
        session.serve()
        with caller(find_home(shared_where).folder) as client:
            assert asked(client, rows).json()["code"] == "elsewhere_unavailable"
    with caller(find_home(shared_where).folder) as client:
        assert asked(client, rows).status_code == 200


def test_it_scores_in_shadow_beside_a_champion_of_our_own(tmp_path, rows):
    with Foreign() as other, open_workspace(tmp_path / "workspace") as session:
        allow(tmp_path / "workspace", other)
        deployed(session)
        _, train, holdout = tumours()
        data = {"train": train, "target": "target", "holdout": holdout}
        away = session.register(other.url, name="tumour", **data)
        session.approve(session.request(away, for_deployment="clinic", role="challenger").id)
        session.deploy(away, to="clinic", role="challenger")
        with caller(tmp_path / "workspace") as client:
            assert asked(client, rows).status_code == 200
        for _ in range(100):
            found = session.challengers("clinic").to_dict()
            if "tumour:2" in str(found) and any(
                len(body["rows"]) == 20 for _, _, body in other.asked
            ):
                break
            time.sleep(0.1)
        else:
            pytest.fail(str(found))
        session.stop()
