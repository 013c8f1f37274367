"""Each trigger and each action, at a server of flesh and blood: a classifier and a regressor."""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from jupyter_mlops import open_workspace
from jupyter_mlops.domain.humility import Rule
from jupyter_mlops.domain.objectives import Objectives
from jupyter_mlops.errors import Invalid, NotFound, Refused
from jupyter_mlops.services import loading
from jupyter_mlops.services.rules import Applied
from jupyter_mlops.services.workspace import open_local
from jupyter_mlops.serving.doubt import Doubt
from jupyter_mlops.serving.models import Model
from jupyter_mlops.serving.problems import Problem
from stories import caller

NUMBERS = ["age", "monthly income"]
ROW = {"age": 40.0, "monthly income": 4000.0, "plan": "basic"}


def customers(count=2000, seed=0):
    """Return people whose income goes with their age, one plan of them rare."""
    rng = np.random.default_rng(seed)
    age = rng.uniform(18, 80, size=count).round()
    income = 100 * age * rng.uniform(0.9, 1.1, size=count)
    plan = rng.choice(["basic", "plus", "gold"], p=[0.6, 0.395, 0.005], size=count)
    frame = pd.DataFrame({"age": age, "monthly income": income, "plan": plan})
    pull = (age - 49) / 8 + (plan == "plus")
    frame["left"] = np.where(rng.uniform(size=count) < 1 / (1 + np.exp(-pull)), "yes", "no")
    frame["spent"] = 10 * age + age * rng.normal(size=count)
    return frame


def pipeline(model):
    """Return a model that reads numbers, categories and missing values."""
    columns = make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), NUMBERS),
        (OneHotEncoder(handle_unknown="ignore"), ["plan"]),
    )
    return make_pipeline(columns, model)


def live(session, model, name, target, deployment):
    """Register, approve and deploy a model of the customers."""
    train, holdout = customers(), customers(800, seed=1)
    drop = "spent" if target == "left" else "left"
    train, holdout = train.drop(columns=drop), holdout.drop(columns=drop)
    model = pipeline(model).fit(train.drop(columns=target), train[target])
    version = session.register(model, name=name, train=train, target=target, holdout=holdout)
    session.approve(session.request(version, for_deployment=deployment).id)
    session.deploy(version, to=deployment)
    return version


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A workspace that serves two questions; churn:1 and churn:2 were live before churn:3."""
    folder = tmp_path_factory.mktemp("doubt") / "workspace"
    with open_workspace(folder) as session:
        forest = RandomForestClassifier(30, max_depth=4, random_state=0)
        live(session, forest, "churn", "left", "shop")
        live(session, LogisticRegression(C=0.01), "churn", "left", "shop")
        live(session, LogisticRegression(), "churn", "left", "shop")
        live(session, LinearRegression(), "spend", "spent", "till")
        yield folder
        session.stop()


@pytest.fixture
def session(place):
    """A session; the rules of both deployments are ended afterwards."""
    with open_workspace(place) as session:
        yield session
        session.rules("shop", "{}")
        session.rules("till", "{}")


@pytest.fixture
def ask(client):
    """Ask a deployment about rows, each of them an ordinary one but for what is said."""

    def ask(deployment, *rows, query="", **more):
        body = {"rows": [{**ROW, **row} for row in rows], **more}
        answer = client.post(f"/deployments/{deployment}/predictions{query}", json=body)
        if answer.status_code != 200:
            return answer.json()
        return answer.json()["predictions"]

    return ask


def logged(place, deployment, told):
    """Return what the log remembers of an answer."""
    log = open_local(place).telemetry.read_predictions(deployment).to_pylist()
    (row,) = [row for row in log if row["prediction_id"] == told["prediction_id"]]
    return row


TRIGGERS = {
    "when: uncertain, between: [0.2, 0.8]": ({"age": 49}, {"age": 80, "monthly income": 8000}),
    "when: uncertain, wider_than: 1, level: 0.95": (
        {"age": 49},
        {"age": 80, "monthly income": 8000},
    ),
    "when: outlying, features: [age]": ({"age": 100}, {}),
    "when: unseen": ({"plan": "platinum"}, {"plan": "gold"}),
    "when: unseen, rarer_than: 0.05": ({"plan": "gold"}, {"plan": "plus"}),
    "when: missing, more_than: 0.5": ({"age": None, "plan": None}, {"age": None}),
    "when: unusual": ({"age": 20, "monthly income": 7900}, {"age": 70, "monthly income": 7000}),
    "when: expression, expression: age < 30 and `monthly income` / age > 150": (
        {"age": 20},
        {"age": 39, "monthly income": 7900},
    ),
}


@pytest.mark.parametrize("trigger", TRIGGERS)
@pytest.mark.parametrize("action", ["note", "review", "refuse", "override", "fallback"])
def test_each_trigger_can_lead_to_each_action(session, ask, place, trigger, action):
    odd, plain = TRIGGERS[trigger]
    more = {"override": ", with: 'yes'", "fallback": ", to_ref: 'churn:1'"}.get(action, "")
    session.rules("shop", f"humility: [{{name: mine, {trigger}, then: {action}{more}}}]")
    (quiet,) = ask("shop", plain)
    assert "humility:mine" not in quiet["warnings"]
    told = ask("shop", odd)
    if action == "refuse":
        assert (told["code"], "the rule mine" in told["detail"]) == ("humility", True)
        return
    (told,) = told
    assert "humility:mine" in told["warnings"]
    assert ("review:mine" in told["warnings"]) is (action == "review")
    assert told["version"] == ("churn:1" if action == "fallback" else "churn:3")
    assert action != "override" or told["prediction"] == "yes"
    kept = logged(place, "shop", told)
    assert (kept["label"], kept["version"]) == (told["prediction"], told["version"])
    assert kept["warnings"] == told["warnings"]
    assert kept["role"] == ("fallback" if action == "fallback" else "champion")


def test_a_second_opinion_is_asked_of_a_version_that_was_live_before(session, ask):
    rows = [{"age": age, "monthly income": 100 * age, "plan": "basic"} for age in range(18, 80)]
    session.rules("shop", "humility: [{when: disagree, with_ref: 'churn:1', more_than: 0.05}]")
    marked = ["humility:disagree" in row["warnings"] for row in ask("shop", *rows)]
    ours = [row["probabilities"]["yes"] for row in ask("shop", *rows)]
    session.rules("shop", "humility: [{when: outlying, then: fallback, to_ref: 'churn:1'}]")
    theirs = [
        row["probabilities"]["yes"]
        for row in ask("shop", *({**row, "monthly income": 1e6} for row in rows))
    ]
    assert 0 < sum(marked) < len(rows)
    assert ours != theirs
    session.rules("shop", "humility: [{when: disagree, with_ref: 'churn@champion-of-shop'}]")
    assert session.rules("shop").items[0]["with_ref"] == "churn:3"
    assert not any(row["warnings"] for row in ask("shop", *rows))


def test_labels_disagree_after_the_threshold_of_the_request(session, ask):
    session.rules("shop", "humility: [{when: disagree, with_ref: 'churn:2'}]")
    rows = [{"age": age, "monthly income": 100 * age} for age in range(18, 80)]
    counts = {
        sum("humility:disagree" in row["warnings"] for row in ask("shop", *rows, query=query))
        for query in ("?threshold=0", "?threshold=0.9")
    }
    assert 0 in counts
    assert max(counts) > 0


@pytest.mark.parametrize(
    ("rule", "row", "told"),
    [
        ("outside: [200, 500], then: override, to: bound", {"age": 75}, 500.0),
        ("outside: [300, 500], then: override, to: bound", {"age": 20}, 300.0),
        ("outside: [200, 500], then: override, with: 7", {"age": 75}, 7.0),
    ],
)
def test_a_value_is_kept_within_bounds(session, ask, place, rule, row, told):
    session.rules("till", f"humility: [{{when: uncertain, {rule}}}]")
    (answer,) = ask("till", row)
    assert (answer["prediction"], answer["interval"]) == (told, None)
    assert logged(place, "till", answer)["score"] == told
    (plain,) = ask("till", {})
    assert 200 < plain["prediction"] < 500
    assert plain["interval"]


def test_the_mean_of_the_training_target_takes_the_place_of_an_answer(session, ask):
    session.rules("till", "humility: [{when: missing, then: override, to: mean}]")
    (answer,) = ask("till", {"age": None})
    assert answer["prediction"] == pytest.approx(customers()["spent"].mean(), rel=1e-5)


def test_an_interval_of_each_level_lies_around_a_value(session, ask):
    young, old = ask("till", {"age": 20, "monthly income": 2000}, {"age": 79})
    assert set(young["interval"]) == {"0.8", "0.9", "0.95"}
    for row in (young, old):
        low, high = zip(*(row["interval"][level] for level in ("0.95", "0.9", "0.8")), strict=True)
        assert list(low) == sorted(low)
        assert low[-1] < row["prediction"] < high[-1]
    width = [row["interval"]["0.9"][1] - row["interval"]["0.9"][0] for row in (young, old)]
    assert width[1] > 1.5 * width[0]
    session.rules("till", f"humility: [{{when: uncertain, wider_than: {sum(width) / 2}}}]")
    assert [row["warnings"] for row in ask("till", {"age": 20}, {"age": 79})] == [
        [],
        ["humility:uncertain"],
    ]
    answered = session.predict("till", pd.DataFrame([ROW]))[0]
    assert answered["interval"] == ask("till", {})[0]["interval"]


def test_the_first_rule_that_changes_wins_and_one_that_refuses_wins_over_all(session, ask):
    first = "{name: first, when: outlying, then: fallback, to_ref: 'churn:2'}"
    second = "{name: second, when: outlying, then: override, with: 'yes'}"
    third = "{name: third, when: unseen, then: refuse}"
    session.rules("shop", f"humility: [{first}, {second}, {third}]")
    (told,) = ask("shop", {"age": 100})
    assert told["version"] == "churn:2"
    assert [sign for sign in told["warnings"] if ":" in sign][-2:] == [
        "humility:first",
        "humility:second",
    ]
    assert ask("shop", {}, {"age": 100, "plan": "none"})["detail"].startswith("Row 1:")


def test_cases_wait_for_a_person_until_their_actual_comes(session, ask):
    session.rules("shop", "humility: [{name: new, when: unseen, then: review}]")
    ask("shop", {"plan": "x"}, {"plan": "y"}, {}, ids=["case-x", "case-y", "case-z"])
    found = session.humility("shop", since="1h")
    mine = [row["id"] for row in found.reviews if row["rules"] == ["new"]]
    assert mine[-2:] == ["case-x", "case-y"]
    assert found.items[0]["waiting"][-2:] == ["case-x", "case-y"]
    assert "wait" in found.because
    session.actuals("shop", [{"id": "case-x", "left": "no"}], id="id", value="left")
    left = [row["id"] for row in session.humility("shop", since="1h").reviews]
    assert "case-x" not in left
    assert "case-y" in left
    ask("shop", {"plan": "x"}, ids=["case-x"])  # the same case, asked again, waits again
    assert "case-x" in [row["id"] for row in session.humility("shop", since="1h").reviews]


def test_how_often_rules_fired_is_told_by_rule_and_by_period(session, ask):
    session.rules("till", "humility: [{name: odd, when: outlying}, {when: unseen, then: refuse}]")
    before = {row["name"]: row for row in session.humility("till", by="hour").items}
    ask("till", {"age": 100}, {"age": 101}, {})
    ask("till", {"plan": "x"})
    ask("till", {})  # what was refused is on disk with the next answer
    now = {row["name"]: row for row in session.humility("till", by="hour").items}
    assert now["odd"]["fired"] - before["odd"]["fired"] == 2
    assert now["unseen"]["refused"] - before["unseen"]["refused"] == 1
    last = now["odd"]["series"][-1]
    assert last["value"] == pytest.approx(now["odd"]["fired"] / last["n"])
    session.rules("till", "{}")
    ended = {row["name"]: row for row in session.humility("till").items}
    assert (ended["odd"]["in_force"], ended["odd"]["fired"]) == (False, now["odd"]["fired"])


def test_the_coverage_of_intervals_is_watched(session, ask):
    fresh = customers(400, seed=2)
    rows = fresh[[*NUMBERS, "plan"]].to_dict("records")
    ids = [f"c{at}" for at in range(len(rows))]
    ask("till", *rows, ids=ids)
    truth = [{"id": at, "spent": value} for at, value in zip(ids, fresh["spent"], strict=True)]
    session.actuals("till", truth, id="id", value="spent")
    found = session.humility("till")
    for row in found.coverage:
        assert row["n"] == 400
        assert row["level"] - 0.03 < row["value"] < row["level"] + 0.04
        assert row["status"] == "passing"
    assert found.status == "passing"
    wrong = [{**row, "spent": row["spent"] + 200} for row in truth]
    session.actuals("till", wrong, id="id", value="spent")
    failing = session.humility("till")
    assert failing.status == "failing"
    assert "interval held" in failing.because
    ask("shop", *rows, ids=ids)
    labels = [{"id": at, "left": value} for at, value in zip(ids, fresh["left"], strict=True)]
    session.actuals("shop", labels, id="id", value="left")
    assert session.humility("shop").coverage[0]["status"] == "passing"


@pytest.mark.parametrize("deployment", ["shop", "till"])
def test_proposed_rules_can_be_put_in_force_as_they_are(session, deployment):
    told = session.rules(deployment)
    if told.number and not told.items:
        told = session.rules(deployment, propose=True)
    assert told.proposal == session.rules(deployment, propose=True).proposal
    assert "# " in told.proposal
    now = session.rules(deployment, told.proposal)
    names = {row["name"] for row in now.items}
    assert {"unusual", "outlying", "unseen", "missing"} <= names
    assert ("unsure" in names) is (deployment == "shop")
    assert ("beyond" in names) is (deployment == "till")
    assert now.proposal == ""


@pytest.mark.parametrize(
    ("deployment", "rule", "said"),
    [
        ("shop", "{when: unsual}", "did you mean unusual"),
        ("shop", "{when: outlying, between: [0, 1]}", "no use for between"),
        ("shop", "{when: uncertain, outside: [0, 1]}", "write: between"),
        ("till", "{when: uncertain, between: [0, 1]}", "write: outside"),
        ("shop", "{when: uncertain, wider_than: -1}", "no width"),
        ("shop", "{when: uncertain, wider_than: 1, level: 0.5}", "0.8, 0.9, 0.95"),
        ("shop", "{when: uncertain, between: [0, 1], level: 0.9}", "level is for wider_than"),
        ("shop", "{when: unseen, rarer_than: 0.5}", "no small share"),
        ("shop", "{when: unusual, more_than: 2}", "no share"),
        ("till", "{when: disagree, with_ref: 'spend:1'}", "needs more_than"),
        ("shop", "{when: disagree}", "with_ref is not said"),
        ("shop", "{when: disagree, with_ref: '<img onerror>'}", "does not name a version"),
        ("shop", "{when: outlying, then: fallback}", "to_ref is not said"),
        ("shop", "{when: outlying, then: override, to: mean}", "for a regression"),
        ("till", "{when: outlying, then: override, to: middle}", "bound, mean"),
        ("till", "{when: outlying, then: override, to: bound}", "needs outside"),
        ("till", "{when: outlying, then: override, to: mean, with: 3}", "two answers"),
        ("shop", "{when: expression}", "expression is not said"),
        ("shop", "{when: expression, expression: 'agge < 3'}", "did you mean age"),
        ("shop", "{when: expression, expression: 3}", "expression is not said"),
        ("till", "{when: outlying, then: override, with: 1" + "0" * 4000 + "}", "too large"),
        ("till", "{when: outlying, then: override, with: 0x" + "f" * 9000 + "}", "too large"),
        ("shop", "{when: [1], then: {}}", "one of"),
    ],
)
def test_what_is_wrong_with_a_rule_is_one_line_and_a_hint(session, deployment, rule, said):
    with pytest.raises(Invalid) as error:
        session.rules(deployment, f"humility: [{rule}]")
    assert said in str(error.value)
    assert "\n" not in str(error.value)
    assert error.value.hint


def test_rules_ask_only_versions_that_were_approved_and_live_here(session, place):
    train, holdout = (frame.drop(columns="spent") for frame in (customers(), customers(800, 1)))
    model = pipeline(LogisticRegression(C=3)).fit(train.drop(columns="left"), train["left"])
    session.register(model, name="churn", train=train, target="left", holdout=holdout)
    with pytest.raises(Refused, match="never approved"):
        session.rules("shop", "humility: [{when: disagree, with_ref: 'churn:4'}]")
    session.approve(session.request("churn:4", for_deployment="shop").id)
    with pytest.raises(Refused, match="carried out"):
        session.rules("shop", "humility: [{when: outlying, then: fallback, to_ref: 'churn:4'}]")
    with pytest.raises(Refused, match="reads other rows"):
        session.rules("shop", "humility: [{when: disagree, with_ref: 'spend:1'}]")
    with pytest.raises(NotFound):
        session.rules("shop", "humility: [{when: disagree, with_ref: 'churn:99'}]")


def test_hostile_names_stay_text_where_rules_are_shown(session):
    text = "# <img src=x onerror=alert(1)>\nhumility: [{when: unseen}]"
    html = session.rules("shop", text)._repr_mimebundle_()["text/html"]
    assert "<img" not in html
    shown = session.rules("shop", propose=True)._repr_mimebundle_()
    assert "humility:" in shown["text/plain"]
    assert "<pre># " in shown["text/html"]
    with pytest.raises(Invalid) as error:
        session.rules("shop", "humility: [{when: '<img onerror=1>'}]")
    assert "\n" not in str(error.value)


def judged(place, rule, *rows):
    """Judge rows by a rule at a champion whose other version could not be loaded."""
    ws = open_local(place)
    champion = Model("shop", loading.load(ws, "churn:3"))
    rules = Applied("", Objectives(), (rule,))
    scored = champion.scored([{**ROW, **row} for row in rows])
    Doubt(rules, champion).judge([{**ROW, **row} for row in rows], scored)
    return scored.warnings


def test_a_second_opinion_that_cannot_be_had_counts_as_another_one(place):
    rule = Rule("second", "disagree", "note", with_ref="churn:1")
    assert judged(place, rule, {}, {"age": 20}) == [["humility:second"]] * 2


def test_nobody_answers_instead_of_a_version_that_cannot_be_had(place):
    rule = Rule("other", "outlying", "fallback", to_ref="churn:1")
    assert judged(place, rule, {}) == [[]]
    with pytest.raises(Problem) as problem:
        judged(place, rule, {}, {"age": 100})
    assert (problem.value.code, problem.value.about) == ("humility", "other")


def test_rules_that_ask_hold_again_after_a_restart(session, place):
    session.rules("shop", "humility: [{when: outlying, then: fallback, to_ref: 'churn:1'}]")
    session.stop()
    session.serve()
    with caller(place) as client:
        answer = client.post("/deployments/shop/predictions", json={"rows": [{**ROW, "age": 100}]})
    assert answer.json()["predictions"][0]["version"] == "churn:1"
