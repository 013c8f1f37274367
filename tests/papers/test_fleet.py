import pytest

from charts import fleets
from jupyter_mlops.locale import language
from jupyter_mlops.papers import facts as gathered
from jupyter_mlops.papers import fleet
from papers.pages_of import AUDIT, Recorded, facts


@pytest.fixture(autouse=True)
def _english():
    with language("en"):
        yield


def test_the_headline_says_who_needs_attention_and_since_when():
    said = fleet.headline(facts("seven"))
    assert said == "7 models work for you. 1 needs attention: churn-prod, since 2 Nov."


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("empty", "No model works for you yet."),
        ("one", "1 model works for you. None needs attention."),
    ],
)
def test_a_calm_fleet_is_said_calmly(name, said):
    assert fleet.headline(facts(name)) == said


def test_the_sentence_about_an_ill_model_has_no_statistics_in_it():
    need = fleet.told(facts("seven"))["attention"][0]
    assert need["because"] == (
        "Accuracy 0.844 (was 0.91). The cases it sees have changed: income, age."
    )
    assert need["next"] == "%mlops monitor churn-prod"
    assert need["who"] == "owner: Aiko Tanaka"


def test_requests_wait_below_the_models_that_are_ill():
    signs = [need["sign"] for need in fleet.told(facts("seven"))["attention"]]
    assert signs == ["■", "○", "○"]


def test_no_tile_is_invented_for_an_empty_workspace():
    page = fleet.told(facts("empty"))
    assert page["tiles"] == []
    assert not any("value" in tile["label"] for tile in fleet.told(facts("seven"))["tiles"])


def test_healthy_models_are_counted_from_their_statuses():
    tiles = {tile["label"]: tile["value"] for tile in fleet.told(facts("seven"))["tiles"]}
    assert tiles["models healthy"] == "6 of 7"
    assert tiles["models as accurate as promised"] == "6 of 7"


def test_the_period_before_is_what_predictions_are_compared_with():
    known = facts("one", days=7)
    tile = fleet.told(known)["tiles"][0]
    assert tile["label"] == "predictions, last 7 days"
    assert tile["note"].endswith("in the 7 days before")


def test_a_large_fleet_shows_those_in_need_and_counts_the_rest():
    page = fleet.told(facts("sixty"))
    assert len(page["health"]["rows"]) == gathered.SHOWN
    assert [row["name"] for row in page["health"]["rows"]][:3] == [
        "model-00-prod",
        "model-01-prod",
        "model-02-prod",
    ]
    assert len(page["attention"]) == 3 + fleet.REQUESTS
    assert page["more"] == "and 7 more requests"
    assert page["health"]["rest"] == "and 48 more, none in greater need than these"


def test_the_weeks_before_a_model_began_are_left_empty():
    known = facts("one")
    del known.services["churn-prod"]["series"][:60]
    known.weeks["churn-prod"][:3] = [
        gathered.Week(start, 0) for start in gathered.starts(known.now)[:3]
    ]
    cells = fleet.told(known)["health"]["rows"][0]["cells"]
    assert [cell["sign"] for cell in cells] == [""] * 3 + ["●"] * 9


def test_it_is_not_ill_since_before_it_began():
    known = facts("seven")
    del known.services["churn-prod"]["series"][:82]
    assert fleet.headline(known).endswith("churn-prod, since 21 Nov.")


def test_a_broken_audit_chain_is_said_instead_of_a_source():
    broken = facts("one", audit={**AUDIT, "ok": False, "first_bad": 7})
    assert fleet.told(broken)["source"] == {
        "ok": False,
        "text": "The audit chain is broken. Do not rely on this page.",
    }


def test_gathering_asks_only_reading_verbs():
    asked = Recorded("seven")
    gathered.gather(asked, now=fleets.NOW, days=30)
    assert {verb for verb, _ in asked.asked} == {"overview", "service", "monitor", "audit"}


def test_a_deployment_that_cannot_be_watched_is_unknown_and_breaks_nothing():
    found = gathered.gather(Recorded("seven"), now=fleets.NOW, days=30)
    assert {week.status for week in found.weeks["mail-sort"][:-1]} == {"unknown"}


def test_the_last_week_agrees_with_the_list_of_deployments():
    found = gathered.gather(Recorded("seven"), now=fleets.NOW, days=30)
    assert {name: weeks[-1].status for name, weeks in found.weeks.items()} == {
        row["name"]: row["status"] for row in found.rows
    }


@pytest.mark.parametrize(
    ("where", "name"),
    [
        ("sqlite:////home/a/churn/store.db", "churn"),
        ("postgresql+psycopg://u:***@host/models", "models"),
        ("Acme Finance", "Acme Finance"),
    ],
)
def test_a_workspace_is_called_by_its_name_and_not_by_its_path(where, name):
    assert gathered.short_name(where) == name
