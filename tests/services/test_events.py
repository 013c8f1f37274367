"""Searching the audit log by anything, page by page, as it stood then, and what one event changed."""

import pytest

from fakes import Clock
from jupyter_mlops import open_workspace
from jupyter_mlops.charts import audited, picture, render
from jupyter_mlops.domain import asked
from jupyter_mlops.domain.access import Actor
from jupyter_mlops.errors import Invalid, NotFound, Refused
from jupyter_mlops.services.audit import audit
from jupyter_mlops.services.workspace import open_local


@pytest.fixture(scope="module")
def ws(shared_where):
    """A log of a few days, on each database in turn, to which nothing is added."""
    clock = Clock()
    ws = open_local(shared_where, clock=clock)
    did(
        ws,
        "request:opening",
        "deployment:churn-prod",
        {"version": "churn:3", "deployment": "churn-prod"},
    )
    clock.turn(days=1)
    ann = ws.as_actor(Actor("ann", claims={"user": "ann.lee"}))
    did(ann, "request:approval", "request:12", {"state": "approved"}, reason='she said "go on"')
    with pytest.raises(Refused), ann.act("deployment:rollout", subject="deployment:churn-prod"):
        raise Refused("No.", code="no")
    clock.turn(days=1)
    did(ws, "version:tagging", "version:churn:3", {"tags": ["a", "b"]}, {"tags": ["a"]})
    did(ws, "version:tagging", "version:churn:33", {"tags": []})
    did(ws, "deployment:ramp", "deployment:churn", {"share": 0.1, "because": "100% of 解約"})
    did(ws, "request:opening", "deployment:other", {"request": 12, "model": "churn"})
    yield ws
    ws.engine.dispose()


def did(ws, action, subject, after, before=None, reason=""):
    with ws.act(action, subject=subject, reason=reason) as act:
        act.before, act.after = before, after


def found(ws, query="", **more):
    return [one["seq"] for one in audit(ws, query, **more)["items"]]


@pytest.mark.parametrize(
    ("query", "seqs"),
    [
        ("", [8, 7, 6, 5, 4, 3, 2, 1]),
        ("actor:ann", [4, 3]),
        ("actor:ANN.lee action:approval", [3]),
        ("action:request", [8, 3, 2]),
        ("outcome:refused", [4]),
        ("deployment:churn-prod", [4, 2]),
        ("deployment:churn", [7]),
        ("deployment:ramp", [7]),
        ("version:churn:3", [5, 2]),
        ("version:churn:33", [6]),
        ("model:churn", [8, 6, 5]),
        ("request:12", [8, 3]),
        ("request:opening", [8, 2]),
        ("reason:said", [3]),
        ('reason:"go on"', [3]),
        ('"go on"', [3]),
        ("subject:other", [8]),
        ("since:2026-11-26", [8, 7, 6, 5]),
        ("until:2026-11-25 request", [2]),
        ("since:36h until:12h action:approval", [3]),
        ("解約 100%", [7]),
        ("100_", []),
        ("CHURN-PROD approved", []),
        ("Approved", [3]),
        ("churn:33", [6]),
        ('"acton:x"', []),
        ("unheard:of https://host/x", []),
    ],
)
def test_events_are_found_by_fields_words_and_times(ws, query, seqs):
    assert found(ws, query) == seqs


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("acter:ann", "Did you mean actor:ann"),
        ("deploymant:x", "Did you mean deployment:x"),
        ("acton:x", 'stands in quotes: "acton:x"'),
        ("since:soon", "is not a time"),
    ],
)
def test_a_field_that_nobody_knows_is_said_with_what_is_meant(ws, query, said):
    with pytest.raises(Invalid) as error:
        audit(ws, query)
    assert said in str(error.value)


def test_pages_follow_one_another_without_a_gap(ws):
    pages, before = [], 0
    while True:
        told = audit(ws, "churn", before=before, limit=2)
        pages += [one["seq"] for one in told["items"]]
        if told["older"] is None:
            break
        before = told["older"]
    assert pages == found(ws, "churn")
    assert len(pages) > 4


def test_the_log_is_shown_as_it_stood_then(ws):
    assert found(ws, as_of="2026-11-24") == []
    assert found(ws, as_of="2026-11-25T12:00") == [4, 3, 2, 1]
    assert found(ws, "since:6h", as_of="2026-11-25T12:00") == [4, 3]
    assert found(ws, since="2026-11-25", until="2026-11-26") == [4, 3]


def test_what_an_event_changed_is_told_field_by_field(ws):
    told = audit(ws, diff=5)
    assert told["changes"] == [{"field": "tags", "before": "a", "after": "a, b"}]
    assert [one["seq"] for one in told["items"]] == [5]
    assert audit(ws, diff=4)["changes"] == [
        {"field": "code", "before": "", "after": "no"},
        {"field": "message", "before": "", "after": "No."},
    ]
    for seq in (99, -1, 1 << 70):
        with pytest.raises(NotFound, match="has no event"):
            audit(ws, diff=seq)


@pytest.mark.parametrize(
    ("before", "after", "changed"),
    [
        (None, None, []),
        ({}, {"a": None}, [("a", "", "")]),
        ({"a": {"b": 1, "c": True}}, {"a": {"b": 2, "c": True}}, [("a.b", "1", "2")]),
        ({"a": [{"x": 1}]}, {"a": [{"x": 1}, {"x": 2}]}, [("a.2.x", "", "2")]),
        ("old", "new", [("", "old", "new")]),
        ({"a": 1}, {"a": {"b": 1}}, [("a", "1", ""), ("a.b", "", "1")]),
        ({"a": []}, {"a": [1]}, [("a", "", "1")]),
    ],
)
def test_changes_of_any_shape_are_told(before, after, changed):
    found = asked.changes(before, after)
    assert [(one["field"], one["before"], one["after"]) for one in found] == changed


def test_answers_are_read_in_a_terminal_and_a_notebook(tmp_path):
    with open_workspace(tmp_path / "workspace") as session:
        ws = session.door.ws
        did(ws, "version:tagging", "version:a:1", {"<i>": "<b>new</b>"}, {"<i>": "old"})
        session.audit("nothing-of-that-kind")
        shown = session.audit(diff=2)
        assert "old" in str(shown)
        html = shown._repr_mimebundle_()["text/html"]
        assert "&lt;b&gt;new" in html
        assert "<b>new" not in html
        assert session.audit(limit=1).line == "1 event · older ones: --before 2"
        assert session.audit(limit=2).line == "2 events"


# ------------------------------------------------------- the picture


def test_a_timeline_shows_kinds_and_what_was_refused(ws):
    data = audit(ws, limit=100)
    rows = audited.rows_of(data["items"])
    assert {row["kind"] for row in rows} == {"workspace", "request", "deployment", "version"}
    assert [row["kind"] for row in rows if row["status"] == "failing"] == ["deployment"]
    drawn = render.svg(picture("audit", data))
    assert "1 refused" in drawn
    assert "What was done, and when?" in drawn


def test_a_timeline_of_nothing_says_so_and_hostile_kinds_stay_text():
    assert "No event matches" in render.svg(picture("audit", {"items": []}))
    names = ["<script>alert(1)</script>", "a\u202eb", *(f"kind{n}" for n in range(30))]
    items = [{"at": "2026-11-24T12:00:00.000000Z", "action": f"{name}:did:done"} for name in names]
    drawn = render.svg(picture("audit", {"items": items}))
    assert "<script" not in drawn
    assert "\u202e" not in drawn
    assert len({row["kind"] for row in audited.rows_of(items)}) == audited.MOST + 1
