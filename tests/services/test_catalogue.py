"""Models are found by words and conditions, on each database."""

import json

import pytest

from fakes import Clock
from jupyter_mlops.errors import Invalid
from jupyter_mlops.services.audit import audit
from jupyter_mlops.services.catalogue import models
from jupyter_mlops.services.workspace import open_local
from jupyter_mlops.store import tables

AUTHOR = {"id": "a", "name": "A", "assurance": "recorded"}
DATA = "sha256:" + "ab" * 32


def model(act, name, *, versions=1, auc=0.7, tags=(), features=("age",), data=DATA, **more):
    """Put a model of some versions into a store."""
    said = {"risk": "low", "owner": "", "unit": "", "purpose": "", "description": "", **more}
    made = tables.Model(
        name=name, target="y", task="binary", classes=["0", "1"], at="2026-01-01", **said
    )
    act.session.add(made)
    act.session.flush()
    named = [{"levels": ["x"], "name": feature, "type": "number"} for feature in features]
    manifest = json.dumps({"features": named}, separators=(",", ":"), ensure_ascii=False)
    for number in range(1, versions + 1):
        found = tables.Version(
            model_id=made.id, number=number, digest=f"{name}:{number}", manifest=manifest,
            risk=said["risk"], tags=list(tags), description="", measured_by="client", compiled={},
            metrics={"roc_auc": {"value": auc - number / 100}}, author=AUTHOR,
            lineage={"data": {"train": {"digest": data}}}, at=f"2026-01-{number:02d}",
        )  # fmt: skip
        act.session.add(found)
    act.session.flush()
    return found


def carried(act, found, name, *, share=1.0):
    """Put a version into a deployment; return its request."""
    said = {"risk": "low", "manifest_digest": "", "policy_digest": "", "evidence_digest": ""}
    asked = tables.Request(
        version_id=found.id, deployment=name, role="champion", state="approved", reason="",
        evidence="", nonce=name, requester=AUTHOR, at="2026-01-01", expires_at="2027", **said,
    )  # fmt: skip
    place = tables.Deployment(name=name, model_id=found.model_id, state="live", at="2026-01-01")
    act.session.add_all([asked, place])
    act.session.flush()
    act.session.add(
        tables.Rollout(
            deployment_id=place.id,
            version_id=found.id,
            request_id=asked.id,
            action="deploy",
            role="champion",
            state="live",
            because="",
            at="2026-01-01",
            share=share,
        )
    )
    return asked


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
