"""A data subject is erased everywhere, and everything that proves the others stays."""

import json
from datetime import timedelta

import pytest
import sqlmodel

import subjects
from fakes import Clock
from jupyter_mlops.domain import merkle
from jupyter_mlops.domain.access import Actor
from jupyter_mlops.domain.names import iso
from jupyter_mlops.errors import Invalid, NotFound, Refused
from jupyter_mlops.services import erasure, holds, segments, whereabouts
from jupyter_mlops.services.approvals import approve, requests
from jupyter_mlops.services.audit import audit
from jupyter_mlops.services.bundles import bundle
from jupyter_mlops.services.erasure import erase
from jupyter_mlops.services.policies import policy
from jupyter_mlops.services.receipts import receipt
from jupyter_mlops.services.scoring import receive_actuals
from jupyter_mlops.services.shelves import archive
from jupyter_mlops.services.subjects import subject
from jupyter_mlops.store import tables
from subjects import CUSTOMER, WHO, answered, spoken, traces
from traffic import people


@pytest.fixture(scope="module")
def shop(shared_where):
    """A shop that knows its customers, on each database in turn."""
    ws = subjects.shop(shared_where, Clock())
    yield ws
    ws.engine.dispose()


@pytest.fixture
def ws(shop):
    """The shop as it was made."""
    subjects.afresh(shop)
    return shop


def counts(told):
    return {(row["place"], row["where"]): row["rows"] for row in told["items"]}


def test_a_subject_is_found_in_every_place_and_nothing_of_it_is_left(ws):
    first = answered(ws, ["c1", WHO, "c2"], key=f"key-of-{WHO}")
    spoken(ws, f"key-of-{WHO}", json.dumps({"id": WHO, "prediction_id": first[1]}))
    ws.clock.turn(days=1)
    later = answered(ws, [WHO], warnings=[["review:doubt"]])
    waiting = answered(ws, ["c9", WHO], seal=False)
    rows = [{"id": name, "value": 1} for name in ("c1", WHO, "nobody")]
    receive_actuals(ws, "shop", rows)
    bundle(ws, "churn:1", to="somewhere.zip")
    assert len({place for place, _ in traces(ws, WHO)}) >= 5

    told = subject(ws, WHO)
    next_day = iso(ws.clock.now)[:10]
    day = iso(ws.clock.now - timedelta(days=1))[:10]
    assert counts(told) == {
        ("predictions", day): 1, ("predictions", next_day): 1, ("unsealed", next_day): 1,
        ("actuals", next_day): 1, ("reviews", next_day): 1, ("repeats", day): 1,
        ("sample", "churn:1"): 1,
    }  # fmt: skip
    assert told["rows"] == 5

    done = erase(ws, WHO, reason="request of November")
    assert (done["rows"], done["state"], done["waits"]) == (5, "done", [])
    assert traces(ws, WHO, first[1], later[0], waiting[1]) == []
    assert subject(ws, WHO)["rows"] == 0
    assert audit(ws, verify=True)["ok"]

    for name in (first[0], first[2], waiting[0]):
        found = receipt(ws, name)
        assert [one["step"] for one in found["steps"] if not one["holds"]] == []
        assert found["ok"]
        assert found["row"]
    for name in (first[1], later[0], waiting[1]):
        found = receipt(ws, name)
        assert found["ok"], found["because"]
        assert [one["step"] for one in found["steps"]] == ["row", "segment", "event"]
        assert found["erased"].startswith(next_day)
        assert (found["row"], found["ref"]) == ("", "")
        sides = [(one["side"], one["digest"].removeprefix("sha256:")) for one in found["siblings"]]
        leaf = bytes.fromhex(found["leaf"].removeprefix("sha256:"))
        assert "sha256:" + merkle.climbed(leaf, sides) == found["root"]


def test_the_event_tells_what_went_and_not_of_whom(ws):
    answered(ws, ["c1", WHO])
    done = erase(ws, WHO, reason="request of November")
    event = audit(ws, "action:subject:erasure")["items"][0]
    assert (event["action"], event["subject"]) == ("subject:erasure:done", f"erasure:{done['id']}")
    assert event["after"]["subject"] == done["digest"]
    assert event["reason"] == "request of November"
    assert [one["rows"] for one in event["after"]["segments"]] == [1]
    from jupyter_mlops.services.sought import salted

    assert salted(done["salt"], "", WHO) == done["digest"]
    assert traces(ws, done["salt"]) == []


def test_a_features_value_is_found_as_the_number_it_is(ws):
    rows = json.loads(people(3, 1).to_json(orient="records"))
    for at, row in enumerate(rows):
        row["customer"] = CUSTOMER if at == 1 else float(at)
    names = answered(ws, ["a", "b", "c"], rows=rows)
    receive_actuals(ws, "shop", [{"id": "a", "value": 1}, {"id": "b", "value": 0}])
    told = subject(ws, f"{CUSTOMER:.2f}", by="customer")
    assert {place for place, _ in counts(told)} == {"predictions", "actuals"}
    assert erase(ws, str(CUSTOMER), by="customer", reason="asked")["rows"] == 2
    assert traces(ws, str(CUSTOMER), names[1]) == []
    assert ws.telemetry.read_predictions("shop")["id"].to_pylist() == ["a", "c"]
    assert ws.telemetry.read_actuals("shop")["id"].to_pylist() == ["a"]


def test_a_case_that_somebody_else_has_too_keeps_its_own_label(ws):
    rows = json.loads(people(1, 1).to_json(orient="records"))
    answered(ws, ["0"], rows=[rows[0] | {"customer": "anna"}])
    receive_actuals(ws, "shop", [{"id": "0", "value": 1}])
    ws.clock.turn(hours=1)
    answered(ws, ["0"], rows=[rows[0] | {"customer": "ben"}])
    ws.clock.turn(hours=1)
    receive_actuals(ws, "shop", [{"id": "0", "value": 0}])
    erase(ws, "anna", by="customer", reason="asked")
    assert ws.telemetry.read_actuals("shop")["value"].to_pylist() == ["0"]
    assert ws.telemetry.read_predictions("shop").num_rows == 1


@pytest.mark.parametrize(
    "value",
    [
        "'; DROP TABLE erasure; --",
        "%",
        "*",
        "_",
        "../../etc/passwd",
        "x" * 9_000,
        "名前 🏛",
        "{0}",
        "007",
    ],
)
def test_a_hostile_value_is_a_text_like_any_other(ws, value):
    name = value[:200]
    answered(ws, ["c1", name, "c2", "7"])
    with pytest.raises(NotFound):
        erase(ws, name + "!", reason="asked")
    assert erase(ws, name, reason="asked")["rows"] == 1
    assert ws.telemetry.read_predictions("shop")["id"].to_pylist() == ["c1", "c2", "7"]


@pytest.mark.parametrize("value", ["", "   ", "x" * 10_001, "a\x00b", "\ud800"])
def test_what_names_nobody_is_refused(ws, value):
    for verb in (lambda: subject(ws, value), lambda: erase(ws, value, reason="asked")):
        with pytest.raises(Invalid) as error:
            verb()
        assert error.value.code == "subject_invalid"


def test_what_was_refused_changes_nothing_and_names_nobody(ws):
    answered(ws, ["c1", WHO])
    before = subject(ws, WHO)
    with pytest.raises(Refused, match="names the data subject"):
        erase(ws, WHO, reason=f"{WHO} asked for it")
    with pytest.raises(Invalid):
        erase(ws, WHO, reason=" ")
    holds.hold(ws, "shop", because="case 2026-17")
    with pytest.raises(Refused) as error:
        erase(ws, WHO, reason="asked")
    assert error.value.code == "held"
    holds.hold(ws, "shop", because="over", release=True)
    holds.hold(ws, "churn:1", because="case 2026-18")
    with pytest.raises(Refused):
        erase(ws, WHO, reason="asked")
    assert subject(ws, WHO) == before
    (event, *_) = audit(ws, "action:subject:erasure:refused")["items"]
    assert event["subject"] == "erasure"
    assert WHO not in json.dumps(audit(ws, limit=1000))


def test_a_value_of_very_many_rows_wants_a_word_more(ws, monkeypatch):
    monkeypatch.setattr("jupyter_mlops.domain.subjects.MOST", 2)
    answered(ws, [WHO] * 3)
    with pytest.raises(Refused, match="hardly one person"):
        erase(ws, WHO, reason="asked")
    assert erase(ws, WHO, reason="asked", anyway=True)["rows"] == 4


def test_what_is_still_written_waits_and_goes_once_it_is_sealed(ws):
    log = ws.telemetry.open_log("shop")
    early = answered(ws, ["c1", WHO], log=log)
    ws.clock.turn(minutes=1)
    done = erase(ws, WHO, reason="asked")
    assert (done["state"], len(done["waits"]), done["rows"]) == ("waiting", 1, 1)
    late = answered(ws, [WHO], log=log)
    log.close()
    assert erasure.settle(ws) == 0
    segments.seal(ws)
    assert erasure.settle(ws) == 1
    assert erasure.settle(ws) == 0
    assert traces(ws, early[1], done["salt"]) == []
    assert receipt(ws, early[1])["erased"]
    assert receipt(ws, late[0])["ok"]  # the subject came again afterwards
    assert audit(ws, verify=True)["ok"]


def test_erased_twice_the_roots_still_hold(ws):
    names = answered(ws, ["a", "b", "c", "d", "e"])
    for name in ("b", "d", "a"):
        erase(ws, name, reason="asked")
    for name in names:
        found = receipt(ws, name)
        assert found["ok"], found["because"]
        assert bool(found["erased"]) == (name in (names[0], names[1], names[3]))
    assert ws.telemetry.read_predictions("shop")["id"].to_pylist() == ["c", "e"]


def test_a_sealed_file_whose_rows_all_went_is_read_as_empty(ws):
    names = answered(ws, [WHO, WHO])
    erase(ws, WHO, reason="asked")
    assert ws.telemetry.read_predictions("shop").num_rows == 0
    assert ws.telemetry.newest("shop", 10, since=ws.clock.now.replace(year=2000)) == []
    assert receipt(ws, names[1])["ok"]
    assert subject(ws, WHO)["rows"] == 0


def test_an_archived_version_gets_a_bundle_without_the_subject(ws):
    with ws.act("test:end", subject="test") as act:
        for row in act.session.exec(sqlmodel.select(tables.Rollout)):
            row.state, row.until = "ended", ws.now()
    archive(ws, "churn:1")
    assert traces(ws, WHO)
    erase(ws, WHO, reason="asked")
    assert traces(ws, WHO) == []
    with ws.look() as session:
        kept = session.exec(sqlmodel.select(tables.Archived)).one().bundle
        version = session.exec(sqlmodel.select(tables.Version)).one()
    assert ws.artifacts.get(kept)
    assert version.lineage["left_out"] == [at for at in version.lineage["left_out"] if at >= 0]
    assert whereabouts.sample(ws, version.lineage["sample"]).num_rows == 999


def test_a_refused_deed_remembers_nothing_that_stood_in_somebodys_row(ws):
    with pytest.raises(Invalid, match=WHO):
        receive_actuals(ws, "shop", [{"id": "a", "value": WHO}])
    (event, *_) = audit(ws, "actuals:arrival:refused")["items"]
    assert event["after"]["message"] == "Row 0: … is not a class of this model."
    assert traces(ws, WHO)  # in the sample
    erase(ws, WHO, reason="asked")
    assert traces(ws, WHO) == []


@pytest.fixture
def own(where):
    """A shop of this test's own."""
    ws = subjects.shop(where, Clock())
    subjects.afresh(ws)
    yield ws
    ws.engine.dispose()


def test_where_others_have_to_agree_an_erasure_waits_for_them_and_names_nobody(own):
    ws = own
    answered(ws, ["c1", WHO])
    policy(ws, "privacy", "for: {subject: erasure}\nasks: {approvers: 2}\n")
    with pytest.raises(Refused, match="asks for it"):
        erase(ws, WHO, reason="asked by letter")
    (waits,) = [one for one in requests(ws, "open")["items"] if one["kind"] == "erasure"]
    assert WHO not in json.dumps(waits)
    for name in ("ada", "bob"):
        told = approve(ws.as_actor(Actor(name)), waits["id"])
    assert (told["state"], WHO in told["because"]) == ("approved", False)
    assert erase(ws, WHO, reason="asked by letter")["rows"] > 0
    assert requests(ws, str(waits["id"]))["items"][0]["state"] == "carried out"
    with pytest.raises(Refused, match="asks for it"):
        erase(ws, "c1", reason="asked by letter")
