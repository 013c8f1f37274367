"""Release checks are tried in a process of their own, each with its figure and what to do."""

import json
import time

import numpy as np
import pytest
from sklearn.compose import make_column_transformer
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from jupyter_mlops import open_workspace
from jupyter_mlops.commands.live import Place
from jupyter_mlops.commands.parse import parse
from jupyter_mlops.commands.words import verbs
from jupyter_mlops.domain.release import MEASURES
from jupyter_mlops.errors import Conflict, Invalid, NotFound, Refused
from jupyter_mlops.locale import language
from jupyter_mlops.services import checks
from jupyter_mlops.services.release import apart
from jupyter_mlops.services.release.findings import TITLES
from jupyter_mlops.services.workspace import open_local
from jupyter_mlops.stats import fairness
from stories import deployed, progression, registered, tumours

RULES = """
objectives: {latency_p95_ms: 60000}
monitoring: {accuracy: {roc_auc: [0.95, 0.9]}}
release: {margin: 0.2, fairness: {proportional_parity: 0.8}}
"""
LOANS = ["income", "region"]


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    """A session whose deployment serves the tumour model."""
    with open_workspace(tmp_path_factory.mktemp("checks") / "workspace") as session:
        deployed(session)
        yield session
        session.stop()


@pytest.fixture
def kept(session):
    """Keep a check of one's own; it ends with the test."""
    names = []

    def keep(name, source, **more):
        names.append(name)
        return session.check(name, source, **more)

    yield keep
    for name in names:
        session.check(name, withdraw=True)


def found(answer):
    return {row["check"]: row for row in answer.to_dict()["items"]}


def loans(n=4_000, seed=1):
    """Return simulated loans in which the north is refused more often for no reason of its own."""
    import pandas as pd

    random = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "income": random.lognormal(10, 0.4, n),
            "region": random.choice(["north", "south"], n),
            "group": random.choice(["few", "many"], n, p=[0.003, 0.997]),
        }
    )
    chance = np.where(frame["region"] == "north", 0.3, 0.7)
    frame["paid"] = (random.random(n) < chance).astype(int)
    return frame


def of_loans(session, **more):
    frame = loans()
    model = make_pipeline(
        make_column_transformer(
            (OneHotEncoder(handle_unknown="ignore"), ["region"]), ("passthrough", ["income"])
        ),
        LogisticRegression(max_iter=200),
    )
    model.fit(frame[LOANS], frame["paid"])
    told = {"train": frame, "target": "paid", "holdout": loans(seed=2), **more}
    return session.register(model, name="loans", **told)


def test_every_check_is_told_in_its_order_and_the_caller_never_loads_a_model(session, monkeypatch):
    from jupyter_mlops import formats

    monkeypatch.setattr(formats, "load", None)  # of this process
    answer = session.check("tumour:1", for_deployment="clinic")
    assert answer.passed
    told = found(answer)
    assert list(told) == list(TITLES)
    assert told["restarts"]["figure"] == "200 rows, the same bytes"
    assert told["missing"]["figure"] == "0 of 30 features may be missing, 30 are refused"
    assert told["latency"]["figure"].startswith("p95 ")
    assert told["metrics"]["figure"].startswith("roc_auc ")
    assert told["champion"]["because"] == "There is no champion to compare with."


def test_they_are_kept_as_rows_with_their_figures(session):
    from sqlmodel import col, select

    from jupyter_mlops.store.tables import CheckResult

    session.check("tumour:1")
    ws = open_local(session.where)
    with ws.look() as look:
        rows = look.exec(select(CheckResult).order_by(col(CheckResult.id).desc())).all()
        newest = [row for row in rows if row.run == rows[0].run]
        told = {row.name: row.detail for row in newest}
    ws.engine.dispose()
    assert set(told) == set(TITLES)
    assert 0.9 < told["metrics"]["roc_auc"] <= 1
    assert told["footprint"]["bytes"] > 1000
    assert set(told["importance"]) == set(tumours()[1].columns) - {"target"}


def test_progress_is_told_check_by_check(session):
    said = []
    ws = open_local(session.where, progress=lambda text, share: said.append((text, share)))
    checks.run(ws, "tumour:1")
    ws.engine.dispose()
    assert [text for text, _ in said][:2] == [TITLES["artifact"], TITLES["loads"]]
    assert said[-1] == ("checked", 1.0)
    assert [share for _, share in said] == sorted(share for _, share in said)


def test_a_finding_is_told_in_the_language_of_its_reader(session):
    with language("ja"):
        told = found(session.check("tumour:1"))
    assert told["restarts"]["figure"].startswith("200 ")
    assert told["restarts"]["figure"] != "200 rows, the same bytes"


def test_the_rules_of_the_deployment_hold_floors_and_objectives(session):
    session.rules("clinic", RULES)
    told = found(session.check("tumour:1", for_deployment="clinic"))
    session.rules("clinic", RULES.replace("0.95, 0.9", "1.0, 1.0").replace("60000", "0.0001"))
    strict = found(session.check("tumour:1", for_deployment="clinic"))
    session.rules("clinic", "{}")
    for name in ("latency", "metrics"):
        assert (told[name]["outcome"], strict[name]["outcome"]) == ("passed", "failed"), name
    assert "floor 1" in strict["metrics"]["figure"]
    assert strict["latency"]["because"].startswith("The model alone takes longer")


def test_a_worse_version_cannot_be_approved_and_says_by_how_much(session):
    _, train, holdout = tumours()
    model = DummyClassifier().fit(train.drop(columns="target"), train["target"])
    session.register(model, name="tumour", train=train, target="target", holdout=holdout)
    asked = session.request("tumour:2", for_deployment="clinic")
    told = {row["check"]: row for row in asked.to_dict()["checks"]}
    assert told["champion"]["outcome"] == "failed"
    assert told["champion"]["figure"].startswith("roc_auc -0.5")
    assert told["signature"]["figure"] == "30 features, all of them the champion's too"
    with pytest.raises(Refused, match="a release check failed"):
        session.approve(asked.id)
    session.reject(asked.id)
    beside = session.request("tumour:2", for_deployment="clinic", role="challenger")
    rows = {row["check"]: row for row in beside.to_dict()["checks"]}
    assert rows["champion"]["because"] == "A challenger answers nobody."


def test_a_version_that_needs_what_callers_do_not_send_fails(session):
    _, train, holdout = (
        frame if i == 0 else frame.assign(mood=1.0) for i, frame in enumerate(tumours())
    )
    model = LogisticRegression(max_iter=2000).fit(train.drop(columns="target"), train["target"])
    version = session.register(model, name="tumour", train=train, target="target", holdout=holdout)
    told = found(session.check(version, for_deployment="clinic"))["signature"]
    assert told["outcome"] == "failed"
    assert "mood" in told["because"]


def test_numbers_are_compared_by_their_errors(session):
    model, train, holdout = progression()
    session.register(model, name="sugar", train=train, target="target", holdout=holdout, risk="low")
    told = found(session.check("sugar:1"))
    assert told["metrics"]["figure"].startswith("rmse ")
    assert told["fairness"]["outcome"] == "not applicable"


def test_fairness_is_told_of_protected_columns_and_held_to_a_floor(session):
    version = of_loans(session, protected=["region"], risk="low")
    told = found(session.check(version))
    assert told["unseen"]["figure"] == "1 of 1 features may have a new category, 0 are refused"
    assert told["fairness"]["outcome"] == "not applicable"
    assert told["fairness"]["figure"].startswith("proportional_parity of region = north is 0.")
    session.approve(session.request(version, for_deployment="desk").id)
    session.deploy(version, to="desk")
    session.rules("desk", "release: {fairness: {proportional_parity: 0.8}}")
    held = found(session.check(version, for_deployment="desk"))["fairness"]
    assert held["outcome"] == "failed"
    assert "floor of 0.8" in held["because"]


def test_a_group_too_small_to_tell_is_not_called_fair(session):
    version = of_loans(session, risk="low")
    session.rules("desk", "release: {fairness: {demographic_parity: 0.8}}")
    ws = open_local(session.where)
    from jupyter_mlops.services import lookup
    from jupyter_mlops.services.release import asking

    with ws.look() as look:
        _, row = lookup.version(look, version.ref)
    asked = asking.asked(ws, row, "desk", "champion")
    told = apart.tried(type(asked)(**{**vars(asked), "protected": ["group"]}), ws.progress)
    ws.engine.dispose()
    assert told["fairness"].outcome == "not applicable"
    assert told["fairness"].because.startswith("The rows are too few to tell")


def test_measures_that_may_have_a_floor_are_those_that_are_told():
    rows = fairness.parity([1, 0], [1, 0], sensitive=["a", "b"])
    assert [*dict.fromkeys(row["measure"] for row in rows)] == list(MEASURES)
    assert fairness.FLOOR == 0.8


def test_a_check_of_ones_own_is_kept_tried_and_withdrawn(session, kept):
    first = kept(
        "enough_yes",
        "def enough(scores):\n    return scores[:, 1].mean() > 0.1, scores[:, 1].mean()",
    )
    assert (first.kept, first.passed) == (1, True)
    told = found(session.check("tumour:1"))["enough_yes"]
    assert told["outcome"] == "passed"
    assert 0.1 < float(told["figure"]) < 1
    again = session.check(
        "enough_yes", "def enough(rows, truth):\n    assert len(rows) == 0, 'too {many} rows'"
    )
    assert again.kept == 2
    told = found(session.check("tumour:1"))["enough_yes"]
    assert (told["outcome"], told["because"]) == ("failed", "too {many} rows")
    actions = [event["action"] for event in session.audit("check:").to_dict()["items"]]
    assert "check:definition:done" in actions


def test_one_of_another_model_is_not_tried(session, kept):
    kept("only_sugar", "def f(rows):\n    return False", model="sugar")
    assert "only_sugar" not in found(session.check("tumour:1"))
    assert found(session.check("sugar:1"))["only_sugar"]["outcome"] == "failed"


def test_one_that_hangs_or_dies_fails_and_those_after_it_say_so(session, kept, monkeypatch):
    kept("a_dies", "import os\ndef f(rows):\n    os.kill(os.getpid(), 11)")
    kept("b_after", "def f(rows):\n    return True")
    told = found(session.check("tumour:1"))
    assert told["importance"]["outcome"] == "passed"
    assert told["a_dies"]["outcome"] == "failed"
    assert "died of signal 11" in told["a_dies"]["because"]
    assert told["b_after"]["because"].startswith("Not reached")
    session.check("a_dies", "def f(rows):\n    while True:\n        pass")
    monkeypatch.setattr(apart, "SECONDS", 30.0)
    began = time.monotonic()
    told = found(session.check("tumour:1"))
    assert time.monotonic() - began < 200
    assert told["a_dies"]["because"] == "It did not end within 30 s."
    assert told["b_after"]["outcome"] == "not applicable"


def test_one_that_takes_too_much_memory_fails_alone(session, kept):
    kept("a_hungry", "import numpy as np\ndef f(rows):\n    return bool(np.ones(1 << 31).any())")
    kept("b_after", "def f(rows):\n    return True")
    told = found(session.check("tumour:1"))
    assert told["a_hungry"]["because"] == "It takes too much memory."
    assert told["b_after"]["outcome"] == "passed"


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("x = 1", "no function"),
        ("def f(rows", "never closed"),
        ("def f(everything): pass", "may ask for"),
        ("def f(): pass", "may ask for"),
    ],
)
def test_what_is_no_check_is_refused_unrun(session, source, why):
    with pytest.raises(Invalid, match=why):
        session.check("odd", source)


def test_it_is_typed_as_a_cell():
    source = "def enough(rows):\n    return len(rows) > 10\n"
    read = parse(["check", "enough", "--model", "tumour"], verbs(), Place(body=source))
    assert read.arguments == {"ref": "enough", "model": "tumour", "text": source}


def test_names_of_ours_and_unknown_ones_are_refused(session):
    with pytest.raises(Conflict, match="always run"):
        session.check("latency", "def f(rows): return True")
    with pytest.raises(NotFound, match="no check of your own"):
        session.check("nothing", withdraw=True)
    with pytest.raises(NotFound, match="no model"):
        session.check("mine", "def f(rows): return True", model="nobody")


def test_changed_bytes_end_the_run_at_the_first_check(tmp_path):
    with open_workspace(tmp_path / "workspace") as session:
        version = registered(session)
        ws = open_local(session.where)
        digest = json.loads(_manifest(ws, version.ref))["artifact"].removeprefix("sha256:")
        file = next((tmp_path / "workspace").rglob(digest))
        file.chmod(0o600)
        file.write_bytes(file.read_bytes() + b"x")
        answer = session.check(version)
        ws.engine.dispose()
    told = found(answer)
    assert not answer.passed
    assert told["artifact"]["outcome"] == "failed"
    assert "another digest" in told["artifact"]["because"]
    assert {told[name]["outcome"] for name in list(TITLES)[1:]} == {"not applicable"}


def _manifest(ws, ref):
    from jupyter_mlops.services import lookup

    with ws.look() as look:
        return lookup.version(look, ref)[1].manifest


def test_a_deployment_that_there_is_not_is_no_deployment_without_rules(session):
    with pytest.raises(NotFound, match="No deployment is called clinik"):
        session.check("tumour:1", for_deployment="clinik")
