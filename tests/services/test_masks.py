"""What is masked is shown to nobody without the role, wherever rows leave the store."""

import json
import secrets
from dataclasses import replace

import pytest

import subjects
from fakes import Clock
from jupyter_mlops.commands.grammar import discover
from jupyter_mlops.domain.access import Actor
from jupyter_mlops.domain.masked import MARK
from jupyter_mlops.errors import Conflict, Invalid, NotFound, Refused, UsageError
from jupyter_mlops.services.accuracy import accuracy
from jupyter_mlops.services.audit import audit
from jupyter_mlops.services.bundles import bundle
from jupyter_mlops.services.humility import humility
from jupyter_mlops.services.masks import mask, masks
from jupyter_mlops.services.receipts import receipt
from jupyter_mlops.services.scoring import receive_actuals
from subjects import answered
from traffic import people

AGE = 41.234567891
SECRET = f"case-{secrets.token_hex(6)}"


@pytest.fixture(scope="module")
def shop(shared_where):
    ws = subjects.shop(shared_where, Clock())
    yield ws
    ws.engine.dispose()


@pytest.fixture
def ws(shop):
    subjects.afresh(shop)
    return shop


def lived(ws):
    """Log cases, one of which waits for a person; return the id of that prediction."""
    rows = json.loads(people(3, 1).assign(age=AGE).to_json(orient="records"))
    names = answered(ws, ["a", SECRET, "b"], rows=rows, warnings=[[], ["review:doubt"], []])
    receive_actuals(ws, "shop", [{"id": name, "value": 1} for name in ("a", "b")])
    ws.clock.turn(minutes=5)
    return names[1]


ARGUMENTS = {
    "compare": ("churn:1", "churn:1"), "lineage": ("churn:1",), "show": ("churn:1",),
    "aliases": (), "receipt": (None,), "subject": (SECRET,),
}  # fmt: skip
OTHERS = {
    "accuracy": [{"worst": "rows"}, {"unlabelled": True}, {"worst": "segments"}],
    "drift": [{"together": True}, {"explain": "age"}, {"importance": True}],
}
"""Options by which a verb shows more than it does without."""
NOT_OF_ROWS = {
    "doctor",
    "overview",
    "use",
    "dashboard",
    "compare",
    "openlineage",
    "tour",
    "publish",
    "send",
}
"""Verbs that look at no deployment's rows, or only through the others."""


def looks(ws, prediction):
    """Say every verb that only looks, in each way that it can show rows; return what each answered."""
    from jupyter_mlops.commands.local import function_of

    for verb in discover().values():
        if verb.does != "read" or verb.of != "workspace" or verb.name in NOT_OF_ROWS:
            continue
        first = verb.params[0] if verb.params else None
        asked = ARGUMENTS.get(verb.name)
        if asked is None:
            needs = first is not None and first.required
            asked = ("shop",) if needs and first.kind == "deployment" else ()
        asked = tuple(prediction if one is None else one for one in asked)
        for options in ({}, *OTHERS.get(verb.name, [])):
            yield verb.name, function_of(verb)(ws, *asked, **options)


def test_no_verb_that_looks_shows_what_is_masked(ws):
    prediction = lived(ws)
    shown = {name for name, told in looks(ws, prediction) if str(AGE) in text(told)}
    named = {name for name, told in looks(ws, prediction) if SECRET in text(told)}
    assert shown == {"receipt"}  # every other place has figures alone
    assert {"receipt", "humility", "accuracy"} <= named
    mask(ws, "shop", ("age", "id"), unless="privacy", reason="not for all")
    for name, told in looks(ws, prediction):
        if name in ("masks", "audit"):
            continue
        assert str(AGE) not in text(told), name
        assert SECRET not in text(told), name
    allowed = replace(ws, actor=Actor("hanako", roles=("privacy",)))
    assert {n for n, told in looks(allowed, prediction) if SECRET in text(told)} == named


def text(told):
    return json.dumps(told, default=str)


def test_a_receipt_holds_though_its_row_is_masked(ws):
    prediction = lived(ws)
    mask(ws, "shop", ("age", "prediction"), unless="privacy")
    told = receipt(ws, prediction)
    assert told["ok"]
    row = json.loads(told["row"])
    assert (row["features"]["age"], row["score"], row["id"]) == (MARK, MARK, SECRET)
    assert told["masked"] == ["age", "prediction"]


def test_what_tells_the_masked_by_others_is_masked_too(ws):
    lived(ws)
    mask(ws, "shop", ("actual",), unless="privacy")
    rows = accuracy(ws, "shop", worst="rows")["items"]
    assert rows
    assert {(row["actual"], row["loss"]) for row in rows} == {(MARK, MARK)}
    assert all(row["prediction"] != MARK for row in rows)


def test_figures_are_of_all_values_as_ever(ws):
    lived(ws)
    before = humility(ws, "shop")
    mask(ws, "shop", ("age", "id", "prediction"), unless="privacy")
    after = humility(ws, "shop")
    assert (after["n"], after["waiting"]) == (before["n"], before["waiting"]) == (3, 1)
    assert after["reviews"][0]["prediction"] == MARK
    assert after["reviews"][0]["prediction_id"] != MARK


def test_a_sample_does_not_leave_with_what_is_masked(ws):
    bundle(ws, "churn:1", to="x.zip")
    mask(ws, "shop", ("age",), unless="privacy")
    with pytest.raises(Refused, match="masked for you"):
        bundle(ws, "churn:1", to="x.zip")
    bundle(replace(ws, actor=Actor("hanako", roles=("privacy",))), "churn:1", to="x.zip")


def test_a_mask_is_a_deed_and_so_is_its_end(ws):
    told = mask(ws, "shop", ("age", "plan"), unless="privacy", reason="not for all")
    assert [(one["column"], one["unless"]) for one in told["items"]] == [
        ("age", "privacy"), ("plan", "privacy"),
    ]  # fmt: skip
    (event, *_) = audit(ws, "mask:placing")["items"]
    assert event["after"] == {"columns": ["age", "plan"], "unless": "privacy"}
    with pytest.raises(Conflict, match="masked already"):
        mask(ws, "shop", ("age",), unless="other")
    mask(ws, "shop", ("age",), lift=True)
    assert [row["column"] for row in masks(ws)["items"] if not row["lifted_at"]] == ["plan"]
    with pytest.raises(Conflict, match="not masked"):
        mask(ws, "shop", ("age",), lift=True)
    assert mask(ws, "shop", ("age",), unless="other")["items"][0]["unless"] == "other"
    assert [row["column"] for row in masks(ws, "other")["items"]] == ["age"]


def test_what_cannot_be_masked_says_why(ws):
    with pytest.raises(Invalid, match="did you mean age"):
        mask(ws, "shop", ("aeg",), unless="privacy")
    with pytest.raises(UsageError, match="--unless"):
        mask(ws, "shop", ("age",))
    with pytest.raises(UsageError, match="No column"):
        mask(ws, "shop", unless="privacy")
    with pytest.raises(Invalid):
        mask(ws, "shop", ("age",), unless="'; DROP TABLE mask; --")
    with pytest.raises(NotFound):
        mask(ws, "nowhere", ("age",), unless="privacy")
    assert masks(ws)["items"] == []
