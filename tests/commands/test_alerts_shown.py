"""Alerts as they are read: words, shapes and likely causes; what is hostile stays text."""

import pytest

from jupyter_mlops.domain.alerts import ANSWERS, Finding
from jupyter_mlops.domain.diagnosis import Evidence, diagnose
from jupyter_mlops.locale import language
from jupyter_mlops.services import wording
from shown import HOSTILE, OURS, answer, tags_of


def alert(subject, why="missing", **figures):
    """An alert as the verb answers."""
    return {
        "id": 7,
        "deployment": "shop",
        "part": "quality",
        "subject": wording.subject(subject),
        "severity": "critical",
        "state": "open",
        "because": wording.finding(subject, why, figures),
        "since": "2026-11-24T12:00:00.000000Z",
        "last_seen": "2026-11-24T13:00:00.000000Z",
        "windows": 1,
        "version": "churn:1",
        "figures": figures,
        "causes": [
            {
                "why": "vanished",
                "likelihood": 0.9,
                "because": wording.cause("vanished", {}),
                "next": [],
            }
        ],
        "next": "%mlops drift shop",
    }


def test_what_moved_is_told_of_one_and_of_several():
    told = [
        wording.finding(name, "distribution", {"psi": 0.6}) for name in ("feature:age", ANSWERS)
    ]
    assert told == ["age moved (PSI 0.6).", "the answers moved (PSI 0.6)."]


def test_an_alert_is_told_in_a_sentence_and_a_row():
    told = answer("alerts", items=[alert("feature:age", missing=1.0, before=0.0)], open=1)
    shown = repr(told)
    assert shown.splitlines()[0] == "1 alert · 1 open"
    assert "■ critical" in shown
    assert "age: 100.0% of the values are missing; it was 0.0%." in shown
    assert "The feature vanished upstream" in shown
    assert "%mlops drift shop" in shown
    with language("ja"):
        assert "■ 重大" in repr(told)
    assert repr(answer("alerts", items=[], open=0)) == "✓ No alert matches."


def test_hostile_names_stay_text_wherever_alerts_are_shown():
    rows = [
        alert(f"feature:{HOSTILE}", missing=1.0, before=0.0),
        alert("inputs", "at_once", features=[HOSTILE, HOSTILE, HOSTILE]),
        alert(HOSTILE, "worse", metric=HOSTILE, value=0.5, before=0.9),
    ]
    told = answer("alerts", items=rows, open=3)
    assert "\x1b" not in repr(told)
    assert "\u202e" not in repr(told)
    assert tags_of(told) <= OURS


def test_the_secret_of_a_webhook_and_what_came_of_its_test_are_told():
    told = answer(
        "notify",
        name="ops",
        url="https://example.org/…",
        severities=["critical"],
        at="",
        items=[],
        secret="whsec_abc",
        delivered=False,
        outcome="blocked",
        ms=3.0,
    )
    assert told.line == (
        "✓ ops at https://example.org/… hears of critical · its secret, shown this once: whsec_abc"
        " · ✗ the test did not arrive: blocked"
    )
    assert answer("notify", name="", url="", items=[]).line.startswith("Nobody outside hears")


def test_a_rehearsal_is_told_in_the_place_of_rules():
    fired = {**alert("feature:age", missing=1.0, before=0.0), "resolved_at": ""}
    data = {"since": "", "until": "", "windows": 720, "items": [fired]}
    told = answer("rules", deployment="shop", number=1, proposal="", items=[], rehearsal=data)
    assert told.line == (
        "These rules would have raised 1 alerts in 720 windows; nothing was written."
    )
    assert "age: 100.0% of the values are missing" in repr(told)


@pytest.mark.parametrize("spoken", ["en", "ja"])
def test_every_finding_and_every_cause_has_its_words(spoken):
    figures = {"n": 3, "requests": 9, "share": 0.1, "kinds": {"invalid_rows": 1, "model_failed": 1}}
    with language(spoken):
        for why in wording._FOUND:
            assert wording.finding("feature:age", why, figures)
            assert wording.finding("feature:age", why, {})
        for why in wording._CAUSE:
            assert wording.cause(why, figures)
    for part in ("service", "drift", "accuracy", "quality", "humility"):
        for why in ("slow", "errors", "missing", "new_levels", "worse"):
            told = diagnose(
                Finding(part, "x", "failing", why, figures), Evidence("shop", "churn:1")
            )
            assert all(cause.why in wording._CAUSE for cause in told)
