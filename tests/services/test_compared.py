"""Versions side by side: what differs, how they do on the same rows, and days when they cannot."""

import json
import warnings

import numpy as np
import pandas as pd
import pytest
import sqlmodel
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from jupyter_mlops.commands.session import open_session
from jupyter_mlops.errors import Invalid, NotFound, Refused
from jupyter_mlops.locale import language
from jupyter_mlops.services.compared import compare
from jupyter_mlops.services.workspace import open_local
from jupyter_mlops.store import tables
from stories import progression, registered, tumours

HOSTILE = "<img src=x onerror=alert(1)>\x1b[31m\u202e"


def fitted(frame, strength=1.0):
    model = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=500))
    return model.fit(frame.drop(columns="target"), frame["target"])


def few_columns():
    """Return the tumours' frames with few features, which say little."""
    _, train, holdout = tumours()
    names = ["mean smoothness", "mean symmetry", "texture error", "target"]
    return train[names], holdout[names]


def shop(n, seed=0, **renamed):
    """Return a small frame with a hostile name and hostile levels, and who bought."""
    random = np.random.default_rng(seed)
    region = random.choice(["EU", HOSTILE, "JP"], n)
    spent = random.normal(size=n)
    bought = spent + (region == "EU") + random.normal(size=n) > 0
    frame = pd.DataFrame(
        {HOSTILE: spent, "region": region, "target": np.where(bought, "yes", "no")}
    )
    return frame.rename(columns=renamed)


def shopper(frame):
    numbers = [name for name in frame.columns if name not in ("region", "target")]
    model = make_pipeline(
        make_column_transformer(
            (StandardScaler(), numbers), (OneHotEncoder(handle_unknown="ignore"), ["region"])
        ),
        LogisticRegression(),
    )
    return model.fit(frame.drop(columns="target"), frame["target"])


@pytest.fixture(scope="module")
def session(shared_where):
    """Three versions of the tumour model, each of another cell, and one of another target."""
    cell = {"source": "", "notebook": "train.ipynb"}
    with open_session(shared_where, origin=lambda: dict(cell)) as session:
        cell["source"] = "model = fit(C=1)\nregister(model)"
        registered(session)
        few, rest = few_columns()
        cell["source"] = "model = fit(C=0.0001, few=True)\nregister(model)"
        session.register(
            fitted(few, 0.0001), name="tumour", train=few, target="target", holdout=rest, risk="low"
        )
        _, train, holdout = tumours()
        session.register(
            fitted(train, 0.9), name="tumour", train=train, target="target", holdout=holdout
        )
        model, train, holdout = progression()
        session.register(model, name="disease", train=train, target="target", holdout=holdout)
        yield session


@pytest.fixture(scope="module")
def found(session):
    """All three, side by side."""
    return session.compare("tumour:1", "tumour:2", "tumour:3")


def test_the_registered_metrics_stand_side_by_side(found, session):
    frame = found.to_frame()
    assert list(frame.columns) == ["metric", "ref", "measured", "value", "low", "high"]
    auc = frame[(frame.metric == "roc_auc") & (frame.measured == "registered")].set_index("ref")
    assert list(auc.index) == found.refs == ["tumour:1", "tumour:2", "tumour:3"]
    own = session.show("tumour:2").metrics["roc_auc"]
    assert auc.loc["tumour:2", ["value", "low", "high"]].to_dict() == own


def test_what_differs_is_told_part_by_part(found):
    told = {(c["part"], c["name"]): c for c in found.changes if c["ref"] == "tumour:2"}
    assert told["features", "worst area"] | {"ref": ""} == {
        "part": "features", "name": "worst area", "ref": "", "before": "number", "now": None,
    }  # fmt: skip
    assert (told["parameters", "C"]["before"], told["parameters", "C"]["now"]) == ("1.0", "0.0001")
    assert told["registration", "risk"]["now"] == "low"
    assert told["data", "train"]["now"].startswith("350 rows, sha256:")
    assert not [key for key in told if key[0] == "environment" and key[1] == "numpy"]


def test_the_cells_that_registered_them_are_compared_line_by_line(found):
    assert found.code[0]["lines"] == [
        "--- tumour:1",
        "+++ tumour:2",
        "@@ -1,2 +1,2 @@",
        "-model = fit(C=1)",
        "+model = fit(C=0.0001, few=True)",
        " register(model)",
    ]
    assert "-model = fit(C=1)" in repr(found)


def test_all_are_asked_about_the_same_rows_and_tested_in_pairs(found, session):
    same = found.same_rows
    assert (same["sample"], same["rows"], same["labelled"]) == ("tumour:1", 219, 219)
    assert same["unseen"] == ["tumour:1", "tumour:3"]
    assert "whether tumour:2 learned from them is not known" in same["because"]
    worse, alike = same["tests"]
    assert (worse["ref"], worse["verdict"], worse["test"]) == ("tumour:2", "worse", "delong")
    assert worse["difference"]["high"] < 0
    assert "tumour:2 is worse than tumour:1: AUC −" in found.because
    assert (alike["verdict"], alike["agreement"]["value"]) == ("not proven", 1.0)
    frame = found.to_frame()
    own = frame[(frame.ref == "tumour:1") & (frame.metric == "log_loss")].set_index("measured")
    assert own.value["same rows"] == pytest.approx(own.value["registered"])


def test_the_rows_they_disagree_about_most_come_first_with_what_they_hold(found):
    rows = [row for row in found.same_rows["apart"] if row["ref"] == "tumour:2"]
    assert len(rows) == 10
    apart = [row["apart"] for row in rows]
    assert apart == sorted(apart, reverse=True)
    _, _, holdout = tumours()
    case = holdout.iloc[rows[0]["row"]]
    assert rows[0]["features"]["mean area"] == case["mean area"]
    assert rows[0]["truth"] == str(int(case["target"]))
    assert abs(rows[0]["first"] - rows[0]["other"]) == pytest.approx(rows[0]["apart"])


def test_what_bytes_said_of_a_sample_is_remembered_while_a_workspace_is_open(session):
    ws = open_local(session.where)
    first = compare(ws, "tumour:1", "tumour:3")["same_rows"]
    known = ws.kept["said"]
    assert len(known) == 2
    known |= {key: said[:, ::-1] for key, said in known.items()}
    again = compare(ws, "tumour:1", "tumour:3")["same_rows"]
    turned = [1 - row["first"] for row in again["apart"]]
    assert [row["first"] for row in first["apart"]] == pytest.approx(turned)
    ws.engine.dispose()


def test_its_pictures_show_the_test_the_metrics_and_the_ranking(found):
    said = found.chart().to_dict()
    assert len(said["vconcat"]) == 4
    assert len(json.dumps(said)) < 90_000


def test_a_version_that_was_never_checked_says_so_and_differs_in_no_check(session):
    session.check("tumour:3")
    told = session.compare("tumour:1", "tumour:3")
    assert told.versions[0]["checks"] == {}
    assert told.versions[1]["checks"]["loads"] == "passed"
    assert not [c for c in told.changes if c["part"] == "release checks"]
    assert "never checked" in repr(told)


def test_what_the_newest_checks_said_otherwise_is_a_difference(session):
    for ref in ("tumour:1", "tumour:3"):
        session.check(ref)
    ws = open_local(session.where)
    with ws.act("test:outcome", subject="tumour:3") as act:
        newest = sqlmodel.col(tables.CheckResult.id).desc()
        found = act.session.exec(
            sqlmodel.select(tables.CheckResult)
            .where(tables.CheckResult.name == "restarts")
            .order_by(newest)
        ).first()
        found.outcome = "failed"
    ws.engine.dispose()
    told = session.compare("tumour:1", "tumour:3")
    restarts = [c for c in told.changes if c["name"] == "Answers the same after a restart"]
    assert (restarts[0]["before"], restarts[0]["now"]) == ("passed", "failed")


def test_comparing_changes_nothing(session):
    before = session.audit(limit=1).items[0]["seq"]
    session.compare("tumour:1", "tumour:3")
    assert session.audit(limit=1).items[0]["seq"] == before


def test_numbers_are_compared_by_their_errors_and_drawn_against_each_other(session):
    _, train, holdout = progression()
    model = make_pipeline(StandardScaler(), Ridge(alpha=1e5))
    model.fit(train.drop(columns="target"), train["target"])
    session.register(model, name="disease", train=train, target="target", holdout=holdout)
    told = session.compare("disease:1", "disease:2")
    (test,) = told.same_rows["tests"]
    assert (test["metric"], test["test"], test["verdict"]) == ("rmse", "t", "worse")
    assert "all were registered with" in told.same_rows["because"]
    assert len(told.chart().to_dict()["vconcat"]) == 4
    assert "As registered" not in repr(told)


def test_several_classes_are_compared_by_who_is_right(session):
    from sklearn.datasets import load_wine

    frame = load_wine(as_frame=True).frame.sample(frac=1, random_state=0)
    for strength in (1, 0.0001):
        model = fitted(frame.iloc[:90], strength)
        session.register(model, name="wine", train=frame.iloc[:90], target="target",
                         holdout=frame.iloc[90:])  # fmt: skip
    told = session.compare("wine:1", "wine:2")
    assert (told.same_rows["tests"][0]["test"], told.metric) == ("mcnemar", "accuracy")
    assert told.same_rows["tests"][0]["verdict"] == "worse"
    assert "2 (0.99" in told.same_rows["apart"][0]["first"]


def test_a_version_is_not_compared_with_itself_by_whatever_name(session):
    digest = session.show("tumour:1").digest
    for again in ("tumour:1", digest[:20]):
        with pytest.raises(Invalid, match="tumour:1 is named twice"):
            session.compare("tumour:1", again)


def test_versions_of_different_questions_are_refused(session):
    with pytest.raises(Refused, match="tumour:1 has task binary, disease:1 has regression"):
        session.compare("tumour:1", "disease:1")


def test_an_unknown_version_is_asked_back(session):
    with pytest.raises(NotFound, match="did you mean tumour:2"):
        session.compare("tumour:1", "tumuor:2")


def test_more_than_fit_side_by_side_are_refused(session):
    with pytest.raises(Invalid, match="at most 6"):
        session.compare("tumour:1", "tumour:2", *["tumour:3"] * 5)


def test_a_model_that_no_longer_loads_is_absent_and_says_why(where):
    with open_session(where) as session:
        registered(session)
        _, train, holdout = tumours()
        session.register(
            fitted(train, 2.0), name="tumour", train=train, target="target", holdout=holdout
        )
        ws = session.door.ws
        digest = session.show("tumour:2").digest
        with ws.look() as store:
            from jupyter_mlops.services import lookup, registry

            artifact = registry.read_manifest(lookup.version(store, digest)[1])["artifact"]
        (file,) = [f for f in ws.home.artifacts.rglob("*") if f.name.endswith(artifact[-20:])]
        file.chmod(0o600)
        file.write_bytes(b"PK broken")
        told = session.compare("tumour:1", "tumour:2")
        (absent,) = told.same_rows["absent"]
        assert absent["ref"] == "tumour:2"
        assert "is not what was kept" in absent["because"]
        assert absent["because"] in told.because
        assert told.same_rows["tests"] == []
        assert {row["ref"] for row in told.items if row["measured"] == "same rows"} == {"tumour:1"}
        assert told.chart().to_dict()


def test_versions_without_rows_are_compared_by_what_is_known(where):
    with open_session(where) as session, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        few, _ = few_columns()
        for strength in (1, 2):
            session.register(fitted(few, strength), name="bare", target="target")
        told = session.compare("bare:1", "bare:2")
        assert told.same_rows["rows"] == 0
        assert "registered without data" in told.because
        assert [c["name"] for c in told.changes] == ["C"]
        assert told.chart().to_dict()
        assert told.to_frame().empty


def test_hostile_names_and_values_are_shown_and_never_run(where):
    with open_session(where, origin=lambda: {"source": HOSTILE}) as session:
        frame = shop(200)
        session.register(shopper(frame), name="shop", train=frame, target="target")
        other = shop(200, seed=1, **{HOSTILE: "spent"})
        session.register(shopper(other), name="shop", train=other, target="target")
        told = session.compare("shop:1", "shop:2")
        assert "which the sample of shop:2 does not hold" in told.same_rows["because"]
        page = told._repr_mimebundle_()["text/html"]
        assert "<img" not in page
        assert "&lt;img" in page
        both = shop(200, seed=2)
        session.register(shopper(both), name="shop", train=both, target="target")
        seen = session.compare("shop:1", "shop:3")
        assert "was trained on" in seen.same_rows["because"]
        shown = seen._repr_mimebundle_()
        assert "<img" not in shown["text/html"]
        assert "\x1b" not in shown["text/plain"]
        assert json.dumps(seen.to_dict(), allow_nan=False)


def test_levels_that_came_and_went_are_named(where):
    with open_session(where) as session:
        frame = shop(120).rename(columns={HOSTILE: "spent"})
        for region in ("EU", "US"):
            told = frame.assign(region=frame["region"].replace("EU", region))
            session.register(shopper(told), name="shop", train=told, target="target")
        (change,) = [
            c for c in session.compare("shop:1", "shop:2").changes if c["part"] == "features"
        ]
        assert (change["before"], change["now"]) == ("category, without US", "category, without EU")


def test_it_speaks_japanese(session):
    with language("ja"):
        assert "同じ 219 行" in repr(session.compare("tumour:1", "tumour:3"))
