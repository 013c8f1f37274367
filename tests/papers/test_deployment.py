import pytest

from charts import fleets
from jupyter_mlops.errors import Invalid, Refused
from jupyter_mlops.locale import language
from jupyter_mlops.papers import deployment, html
from jupyter_mlops.papers.pages import publish
from jupyter_mlops.papers.seen import began, look
from papers.seen_of import NAME, Watched


def seen(**told):
    return look(Watched(**told), now=fleets.NOW)


def told(**changed):
    with language("en"):
        return deployment.told(seen(**changed))


def test_the_first_sentence_says_what_is_wrong_and_since_when():
    said = told()["headline"]
    assert said.startswith(f"{NAME} needs attention since 23 Nov: ")


def test_a_critical_alert_is_told_first_where_the_period_as_a_whole_looks_well():
    page = told(status="passing")
    assert (page["status"], page["sign"]) == ("failing", "■")
    assert "income moved (PSI 0.60)." in page["headline"]


def test_what_is_well_is_calm():
    page = told(status="passing", alerts=0)
    assert page["headline"].startswith(f"{NAME} is well.")
    assert not any(tile["sign"] for tile in page["tiles"])
    assert page["doors"] == []


def test_without_an_alert_it_began_with_the_unbroken_run_of_what_moved():
    periods = seen(alerts=0).monitor["drift"]["periods"]
    assert began(seen(alerts=0)).isoformat() == periods[10]["start"]


def test_an_alert_brings_its_causes_and_the_next_words():
    (alert,) = told()["alerts"]
    assert alert["causes"][0]["share"] == "70%"
    assert alert["next"] == [f"%mlops drift {NAME}", "%mlops acknowledge 7"]


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"rows": []}, "%mlops deploy"),
        ({"error": Refused("Nothing serves {name}.", code="x", name=NAME)}, "%mlops deployments"),
        ({"service": {"predictions": 0}}, "%mlops predict"),
        ({"accuracy": {"labelled": 0.0}}, "%mlops actuals"),
        ({"drift": {"items": []}}, "%mlops register"),
        ({"drift": {"status": "unknown"}}, "--since 90d"),
    ],
)
def test_every_dead_end_has_a_door(changed, word):
    page = told(**changed)
    assert any(word in door["next"] for door in page["doors"])
    assert word in html.document(page).replace("&#39;", "'")


def test_only_what_was_done_to_this_deployment_is_marked():
    letters = [event["letter"] for event in deployment.events(seen(rows=[]))]
    assert letters == []
    letters = [event["letter"] for event in deployment.events(seen())]
    assert sorted(letters) == ["A", "D", "R"]


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_the_page_is_one_file_that_asks_for_nothing_and_runs_nothing(lang):
    with language(lang):
        text = html.document(deployment.told(seen(features=(*fleets.HOSTILE, "age"))))
    assert f'<html lang="{lang}">' in text
    assert not [word for word in ("<script", "<img", "<iframe", "<link") if word in text]
    assert text.count("<svg") >= 10


def test_a_deployment_without_traffic_is_published_with_its_doors(sqlite_workspace):
    text = publish(sqlite_workspace, "deployment", to="page.html")["html"]
    assert "Nothing is deployed yet." in text


def test_the_page_of_the_fleet_is_not_about_one_deployment(sqlite_workspace):
    with pytest.raises(Invalid, match="publish deployment shop"):
        publish(sqlite_workspace, "executive", "shop", to="page.html")
