"""Forms for deeds, filled in and pressed."""

import pytest

from jupyter_mlops import open_workspace
from jupyter_mlops.commands.words import verbs
from jupyter_mlops.errors import Refused, UsageError
from jupyter_mlops.widgets.form import Form
from jupyter_mlops.widgets.monitor import MonitorBoard
from jupyter_mlops.widgets.predict import PredictForm
from stories import deployed, registered, tumours


@pytest.fixture
def session(tmp_path):
    """A session; the server it started is stopped."""
    session = open_workspace(tmp_path / "workspace")
    yield session
    session.stop()


def shown(output):
    return "".join(str(part) for part in output.outputs)


@pytest.mark.parametrize("name", sorted(verbs()))
def test_every_verb_has_a_form_with_a_field_for_each_argument(name, session):
    form = Form(name, session, {})
    assert set(form.fields) == {param.name for param in verbs()[name].params}
    assert f"%mlops {name}" in form.line.value


def test_a_form_says_what_its_line_says(session):
    registered(session)
    form = Form("request", session, {"ref": "tumour:1"})
    form.fields["for_deployment"].value = "clinic"
    form.fields["reason"].value = "first <b>release</b>"
    assert "request tumour:1 --for clinic" in form.line.value
    assert "<b>" not in form.line.value
    form.button.click()
    assert session.requests().to_dict()["items"][0]["reason"] == "first <b>release</b>"


def test_a_refusal_is_one_line_in_the_form(session):
    form = Form("approve", session, {"request": 7})
    form.button.click()
    assert "HTML" in shown(form.output) or "no request 7" in shown(form.output)
    assert session.requests().to_dict()["items"] == []


def test_an_unknown_verb_meets_the_one_that_was_meant(session):
    with pytest.raises(UsageError) as refused:
        Form("aprove", session, {})
    assert "approve" in refused.value.hint


def test_a_prediction_form_has_the_training_ranges_and_answers(session):
    deployed(session)
    form = PredictForm("clinic", session)
    _, train, _ = tumours()
    field = form.fields["mean radius"]
    assert field.min == pytest.approx(train["mean radius"].min())
    assert field.max == pytest.approx(train["mean radius"].max())
    answer = form.ask().to_dict()["items"][0]
    assert answer["prediction"] in (0, 1)
    assert answer["warnings"] == []


def test_a_prediction_form_for_nothing_says_so(session):
    with pytest.raises(Refused, match="Nothing is live"):
        PredictForm("clinic", session)


def test_a_board_reads_what_is_chosen(session):
    deployed(session)
    session.predict("clinic", tumours()[2].drop(columns="target"))
    board = MonitorBoard("clinic", session)
    board.part.value = "drift"
    assert "%mlops drift clinic --since 7d" in board.line.value
    assert board.words.outputs
    assert board.picture.outputs
