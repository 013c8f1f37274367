"""The trials of ``make chaos`` in short: killed, replaced and stopped while somebody asks."""

import pytest

from chaos import stops, swaps
from chaos.clients import Seen
from jupyter_mlops import open_workspace
from stories import deployed


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A workspace whose server answers."""
    folder = tmp_path_factory.mktemp("load") / "workspace"
    with open_workspace(folder) as session:
        deployed(session)
        yield folder
        session.stop()


def test_killed_it_comes_back_as_it_was_and_nothing_answered_is_lost(folder, monkeypatch):
    monkeypatch.setattr(stops, "BACK_SECONDS", 10.0)  # the promise is for a machine to itself
    assert "0 lost" in stops.kills(folder, 2)


def test_replaced_again_and_again_it_answers_each_row_with_a_champion(folder, monkeypatch):
    monkeypatch.setattr(swaps, "SWAP_SECONDS", 2.0)
    monkeypatch.setattr(swaps, "SLACK_SECONDS", 1.0)
    assert "0 failed" in swaps.swaps(folder, 6)


def test_stopped_it_answers_whoever_was_told_of_it(folder):
    assert "0 failed" in stops.terms(folder, 1)


def test_an_answer_of_a_version_that_was_not_champion_is_found_out():
    answers = [(10.0, 10.1, ["tumour:1", "tumour:2"])]
    reigns = {"tumour:1": [(0.0, 20.0)], "tumour:2": [(12.0, 20.0)]}
    assert max(swaps._outside(answers, reigns)) == pytest.approx(1.9)


def test_a_refused_connection_is_a_failure_where_somebody_should_listen(tmp_path):
    seen = Seen()
    seen.outcomes.update({"200": 10, "not connected": 1})
    with pytest.raises(AssertionError, match="not connected"):
        stops._check_all_answered(tmp_path, seen)
