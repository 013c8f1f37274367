"""What a version knows of its limits is bound to it, on both databases; old versions know none."""

import numpy as np
import pytest
from sqlalchemy import text

from jupyter_mlops import open_workspace
from jupyter_mlops.domain.limits import NONE
from jupyter_mlops.errors import Corrupt, Invalid
from jupyter_mlops.services import loading
from jupyter_mlops.services.workspace import open_local
from stories import approved_again, deployed, progression, registered


@pytest.fixture
def session(where, workspace):
    """A session on each database; the workspace's server is stopped with it."""
    with open_workspace(where) as session:
        yield session


def test_a_regression_knows_its_intervals_and_its_target(session, workspace):
    model, train, holdout = progression()
    session.register(model, name="disease", train=train, target="target", holdout=holdout)
    found = loading.load(workspace, "disease:1").limits
    assert found.rows == len(holdout)
    assert set(found.half) == {"0.8", "0.9", "0.95"}
    assert found.mean == pytest.approx(train["target"].mean(), rel=1e-5)
    apart = np.abs(model.predict(holdout.drop(columns="target")) - holdout["target"])
    assert found.half_at(150.0, "0.9") == pytest.approx(np.quantile(apart, 0.9), rel=0.2)


def test_without_enough_rows_there_are_no_intervals_and_that_is_said(session, workspace):
    model, train, holdout = progression()
    session.register(model, name="few", train=train, target="target", holdout=holdout.head(3))
    found = loading.load(workspace, "few:1").limits
    assert (found.rows, found.levels) == (3, ())
    session.register(model, name="none", target="target")
    assert loading.load(workspace, "none:1").limits == NONE


def test_the_same_model_is_still_the_same_version(session):
    assert registered(session).new
    assert not registered(session).new


def test_figures_that_somebody_changed_are_found_out(session, workspace):
    registered(session)
    update = "UPDATE reference SET columns = :told WHERE part = 'limits'"
    with workspace.engine.begin() as connection:
        connection.execute(text(update), {"told": '{"least": {"0.9": 0.0}}'})
    with pytest.raises(Corrupt, match="limits"):
        loading.load(workspace, "tumour:1")
    assert session.models().items[0]["ref"] == "tumour:1"


def test_a_version_of_before_there_were_such_figures_serves_on(where, monkeypatch):
    from jupyter_mlops.services import limits

    with monkeypatch.context() as earlier, open_workspace(where) as session:
        earlier.setattr(limits, "measured", lambda *_: {})
        deployed(session)
    with open_workspace(where) as session:
        version = session.show("tumour:1")
        assert loading.load(open_local(where), "tumour:1").limits == NONE
        with pytest.raises(Invalid, match="does not know what is usual"):
            session.rules("clinic", "humility: [{when: unusual}]")
        session.rules("clinic", "humility: [{when: uncertain, between: [0, 1]}]")
        rows = [{f["name"]: f["low"] for f in version.features}]
        assert session.predict("clinic", rows)[0]["warnings"] == ["humility:uncertain"]
        assert session.humility("clinic").n == 1
        session.stop()


def test_figures_from_afar_that_are_none_are_refused(session, monkeypatch):
    from jupyter_mlops.services import limits

    monkeypatch.setattr(limits, "measured", lambda *_: {"rare": {"<img onerror>": 3}})
    with pytest.raises(Invalid, match="limits"):
        registered(session)


def test_a_rule_that_a_new_champion_cannot_judge_says_so(tmp_path, monkeypatch):
    from jupyter_mlops.services import limits

    with open_workspace(tmp_path / "here") as session:
        version = deployed(session)
        session.rules("clinic", "humility: [{name: odd, when: unusual}]")
        monkeypatch.setattr(limits, "measured", lambda *_: {})
        session.deploy(approved_again(session, 3.0), to="clinic")
        rows = [{f["name"]: f["low"] for f in version.features}]
        assert session.predict("clinic", rows)[0]["warnings"] == []
        assert "odd never fires" in session.humility("clinic").because
        session.stop()
