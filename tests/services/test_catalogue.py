"""Models are found by words and conditions, on each database."""

import pytest

from fakes import Clock
from jupyter_mlops.errors import Invalid
from jupyter_mlops.services.audit import audit
from jupyter_mlops.services.catalogue import models
from jupyter_mlops.services.workspace import open_local
from registered import carried, model


@pytest.fixture(scope="module")
def ws(shared_where):
    ws = open_local(shared_where, clock=Clock())
    with ws.act("test:models", subject="models") as act:
        churn = model(act, "churn", versions=3, auc=0.9, owner="Ann", tags=("credit", "eu"))
        carried(act, churn, "churn-prod")
        carried(act, churn, "churn-canary", share=0.1)
        model(act, "fraud", purpose="Éviter la fraude", risk="high", features=("Betrag", 'a"b'))
        asked = carried(act, model(act, "価格", auc=0.5, description="100% sure_thing"), "price")
        asked.state = "open"
        model(act, "idle", unit="Risk", auc=0.6, data="sha256:" + "cd" * 32)
    with ws.act("test:said", subject="Préfet ΣΟΦΊΑ 100%"):
        pass
    yield ws
    ws.engine.dispose()


def names(ws, query="", **more):
    return [row["name"] for row in models(ws, query, **more)["items"]]


def test_the_newest_version_stands_for_its_model_newest_first(ws):
    first = models(ws)["items"][0]
    assert (first["ref"], first["versions"], first["value"]) == ("churn:3", 3, pytest.approx(0.87))
    assert first["deployments"] == ["churn-prod"]
    assert len(names(ws)) == 4
    assert names(ws, limit=1) == ["churn"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("CHURN", {"churn"}),
        ("ann credit", {"churn"}),
        ("ann fraude", set()),
        ("éviter", {"fraud"}),
        ("ÉVITER", {"fraud"}),
        ("価", {"価格"}),
        ("100%", {"価格"}),
        ("sure_thing", {"価格"}),
        ("sureXthing", set()),
        ("owner:ann", {"churn"}),
        ("unit:risk", {"idle"}),
        ("risk:high", {"fraud"}),
        ("task:regression", set()),
        ("tag:credit", {"churn"}),
        ("tag:cred", set()),
        ("feature:age", {"churn", "価格", "idle"}),
        ("feature:Betrag", {"fraud"}),
        ("feature:betra", set()),
        ("'feature:a\"b'", {"fraud"}),
        ("data:abab", {"churn", "fraud", "価格"}),
        ("data:sha256:cdcd", {"idle"}),
        ("roc_auc>0.86", {"churn"}),
        ("roc_auc<0.6 risk:low", {"価格", "idle"}),
        ("nonsense>0", set()),
        ("stage:live", {"churn", "価格"}),
        ("stage:trial", {"churn"}),
        ("stage:waiting", {"価格"}),
        ("stage:idle", {"fraud", "idle"}),
        ("'; drop table model; --", set()),
        ("tag:\ud800", set()),
        ("feature:a\0b", set()),
        ("owner:\ud800\0", {"churn", "fraud", "価格", "idle"}),
    ],
)
def test_models_are_found(ws, query, found):
    assert set(names(ws, query)) == found


def test_a_limit_is_no_negative_number(ws):
    with pytest.raises(Invalid, match="0 or more"):
        models(ws, limit=-1)


@pytest.mark.parametrize("query", ["préfet", "PRÉFET", "ΣΟΦΊΑ préfet", "Préfet 100%"])
def test_the_audit_log_is_searched_whatever_the_case_of_any_letter(ws, query):
    assert [event["action"] for event in audit(ws, query)["items"]] == ["test:said:done"]
