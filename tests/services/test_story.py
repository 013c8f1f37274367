"""The main job, on both databases, with real models, processes and HTTP."""

import numpy as np
import pytest
from sklearn.base import clone

from jupyter_mlops import open_workspace
from jupyter_mlops.errors import NotFound, Refused
from stories import deployed, incomes, progression, registered, tumours


@pytest.fixture
def session(where):
    """A session on each database; the server it started is stopped."""
    session = open_workspace(where)
    yield session
    session.stop()


def test_from_a_trained_model_to_a_verified_log(session):
    deployed(session)
    _, _, holdout = tumours()
    cases = holdout.reset_index(names="case")
    answers = session.predict("clinic", cases, id="case").to_dict()
    assert len(answers["items"]) == len(cases)
    assert {row["version"] for row in answers["items"]} == {"tumour:1"}
    told = session.actuals("clinic", cases, id="case", value="target").to_dict()
    assert told["matched"] == told["received"] == len(cases)
    watched = session.monitor("clinic", since="1d").to_dict()
    assert watched["accuracy"]["labelled"] == 1
    assert watched["service"]["predictions"] == len(cases)
    assert watched["accuracy"]["metrics"]["roc_auc"]["value"] > 0.95
    found = session.audit(verify=True).to_dict()
    assert found["ok"]
    assert found["first_bad"] is None


def test_answers_are_those_of_the_model(session):
    deployed(session)
    model, _, holdout = tumours()
    rows = holdout.drop(columns="target")
    answers = session.predict("clinic", rows).to_dict()["items"]
    chances = [row["probabilities"]["1"] for row in answers]
    assert np.allclose(chances, model.predict_proba(rows)[:, 1], atol=1e-5)


def test_a_regression_goes_the_same_way(session):
    model, train, holdout = progression()
    session.register(model, name="sugar", train=train, target="target", holdout=holdout, risk="low")
    session.approve(session.request("sugar:1", for_deployment="ward").id)
    session.deploy("sugar:1", to="ward")
    cases = holdout.reset_index(names="case")
    session.predict("ward", cases, id="case")
    session.actuals("ward", cases, id="case", value="target")
    found = session.accuracy("ward").to_dict()
    assert found["metric"] == "rmse"
    assert found["status"] == "passing"
    ahead = found["estimated"]["metrics"]["rmse"]
    assert ahead["low"] < found["metrics"]["rmse"]["value"] < ahead["high"]


def test_the_whole_job_on_census_incomes(session, adult):
    train, test = adult
    model, features = incomes(train)
    version = session.register(
        model, name="income", train=train, target="income", holdout=test, protected=["sex", "race"]
    )
    assert version.compiled["kept"]
    assert version.protected == ["sex", "race"]
    session.approve(session.request(version, for_deployment="offers").id)
    session.deploy(version, to="offers")
    cases = test.head(2000).reset_index(names="case")
    session.predict("offers", cases[["case", *features]], id="case")
    session.actuals("offers", cases, id="case", value="income")
    watched = session.monitor("offers").to_dict()
    assert watched["accuracy"]["metrics"]["roc_auc"]["value"] > 0.85
    assert watched["drift"]["status"] == "passing"


def test_the_same_model_twice_is_one_version(session):
    first, second = registered(session), registered(session)
    assert (first.new, second.new) == (True, False)
    assert first.digest == second.digest
    assert len(session.audit("registration").to_dict()["items"]) == 1


def test_a_replacement_takes_over_and_the_alias_follows(session):
    deployed(session)
    model, train, holdout = tumours()
    other = clone(model).set_params(logisticregression__C=0.1)
    other.fit(train.drop(columns="target"), train["target"])
    session.register(other, name="tumour", train=train, target="target", holdout=holdout)
    asked = session.request("tumour:2", for_deployment="clinic")
    assert asked.replaces == "tumour:1"
    session.approve(asked.id)
    carried = session.deploy("tumour:2", to="clinic")
    assert carried.replaced == "tumour:1"
    assert session.show("tumour@champion-of-clinic").ref == "tumour:2"
    answers = session.predict("clinic", holdout.drop(columns="target").head(3)).to_dict()
    assert answers["version"] == "tumour:2"


def test_the_same_bytes_under_two_names_are_two_models(session):
    one, other = (registered(session, name=name) for name in ("tumour", "growth"))
    assert one.digest == other.digest
    asked = session.request(other, for_deployment="clinic")
    session.approve(asked)
    assert session.deploy(other, to="clinic").version == "growth:1"
    with pytest.raises(NotFound, match=r"(growth:1, tumour:1|tumour:1, growth:1)"):
        session.show(one.digest)


def test_a_rollback_goes_back_step_by_step_and_never_forth(session):
    deployed(session)
    for number in (2, 3):
        model, train, holdout = tumours()
        again = clone(model).set_params(logisticregression__C=1 / number)
        again.fit(train.drop(columns="target"), train["target"])
        version = session.register(
            again, name="tumour", train=train, target="target", holdout=holdout
        )
        session.approve(session.request(version, for_deployment="clinic"))
        session.deploy(version, to="clinic")
    rows = tumours()[2].drop(columns="target").head(2)
    for expected in ("tumour:2", "tumour:1"):
        told = session.rollback("clinic", reason="worse than it looked")
        assert told.version == expected
        assert session.predict("clinic", rows).to_dict()["items"][0]["version"] == expected
    with pytest.raises(Refused) as error:
        session.rollback("clinic")
    assert error.value.code == "nothing_before"
    events = session.audit("rollback").to_dict()["items"]
    assert [event["action"] for event in events].count("deployment:rollback:begun") == 2
    assert any(event["action"] == "deployment:rollback:refused" for event in events)
    assert session.audit(verify=True).ok


def test_a_rollback_needs_its_approval_to_be_whole(session):
    deployed(session)
    with pytest.raises(NotFound):
        session.rollback("nowhere")
    with pytest.raises(Refused):
        session.rollback("clinic")
    assert session.deployments()[0]["version"] == "tumour:1"
