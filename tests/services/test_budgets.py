"""What the objectives of a service still allow, and how long that lasts."""

import pytest

from jupyter_mlops import charts
from jupyter_mlops.commands.answers import Answer
from jupyter_mlops.commands.words import verbs
from jupyter_mlops.locale import language
from jupyter_mlops.services.monitoring import monitor
from jupyter_mlops.services.rules import rules
from jupyter_mlops.services.service import service
from traffic import afresh, an_hour, people

AGREED = "objectives: {error_rate: 0.02, latency_p95_ms: 50}"


@pytest.fixture
def ws(made):
    """The deployment with objectives, and no traffic."""
    afresh(made)
    rules(made, "shop", AGREED)
    return made


def budgets(ws, **more):
    return {one["objective"]: one for one in service(ws, "shop", **more)["budgets"]}


def test_what_is_left_of_each_budget_and_how_long_it_lasts(ws):
    an_hour(ws, people(1_000, 1), times=980)
    an_hour(ws, None, kind="internal", times=10)
    an_hour(ws, people(100, 2), ms=90.0, times=10)
    found = budgets(ws, since="1h")
    errors = found["error_rate"]
    assert (errors["bad"], errors["n"], errors["agreed"]) == (10, 1_000, 0.02)
    assert errors["measured"] == 0.01
    assert errors["left"] == pytest.approx(0.5)
    # The last hour had ten requests, which tells nothing; the last six had all thousand.
    assert errors["burn_hours"] == 6.0
    assert errors["burn"] == pytest.approx(0.5)
    assert errors["hours_left"] == pytest.approx(720)
    slow = found["latency_p95_ms"]
    assert (slow["bad"], slow["n"]) == (10, 990)
    assert slow["measured"] < 50
    assert slow["left"] == pytest.approx(1 - 10 / 990 / 0.05)
    assert errors["status"] == slow["status"] == "passing"
    assert "at the present burn (0.5 times as agreed) it lasts 720 h" in errors["because"]


def test_what_is_spent_and_what_burns_fast_say_so(ws):
    an_hour(ws, people(5_000, 1), times=5_000)
    an_hour(ws, people(70, 1), times=70)
    an_hour(ws, None, kind="internal", times=30, minute=30)
    found = budgets(ws)["error_rate"]
    assert (found["status"], found["burn_hours"]) == ("warning", 1.0)
    assert found["burn"] == pytest.approx(50)
    an_hour(ws, None, kind="internal", times=200)
    found = budgets(ws)["error_rate"]
    assert found["status"] == "failing"
    assert found["left"] < 0
    assert found["hours_left"] == 0
    assert found["because"] == ("The budget for errors is spent: 230 of 5,300, where 2 % may be.")


def test_a_budget_is_of_thirty_days_whatever_is_shown_and_of_the_past_when_asked(ws):
    an_hour(ws, people(100, 1), times=100)
    an_hour(ws, None, kind="internal", times=1)
    then = ws.now()
    ws.clock.turn(days=20)
    an_hour(ws, people(99, 1), times=99)
    assert budgets(ws, since="1h")["error_rate"]["n"] == 200
    assert budgets(ws, as_of=then)["error_rate"]["n"] == 101
    ws.clock.turn(days=11)
    assert budgets(ws, since="1h")["error_rate"]["n"] == 99


def test_too_few_requests_tell_nothing_and_no_objective_has_no_budget(ws):
    an_hour(ws, people(5, 1), times=5)
    found = budgets(ws)["error_rate"]
    assert (found["status"], found["burn"], found["hours_left"]) == ("unknown", None, None)
    assert "budgets" not in service(ws, "shop", segment="age>0")
    rules(ws, "shop", "{}")
    ws.clock.turn(minutes=1)
    assert "budgets" not in service(ws, "shop")


def test_text_page_and_picture_say_what_is_left(ws):
    an_hour(ws, people(98, 1), times=98)
    an_hour(ws, None, kind="internal", times=2)
    told = service(ws, "shop")
    shown = Answer(verbs()["service"], told)
    assert "0.0% of the budget for errors is left" not in shown.line
    assert "The budget for errors is spent: 2 of 100, where 2 % may be" in shown.line
    assert "left 0.0 %, burn 1.00, 0.00 h; 2.0 %, agreed 2.0 %" in repr(shown)
    assert "agreed 50.0 ms" in shown._repr_mimebundle_()["text/html"]
    assert shown.to_frame()["budgets"][0] == told["budgets"]
    drawn = charts.picture("service", told).to_json()
    assert "How much failure is still allowed?" in drawn
    assert monitor(ws, "shop")["service"]["budgets"] == told["budgets"]
    with language("ja"):
        assert "予算" in service(ws, "shop")["budgets"][0]["because"]
