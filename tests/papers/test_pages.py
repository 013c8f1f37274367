from pathlib import Path

import pytest

from jupyter_mlops.errors import Invalid, NotFound
from jupyter_mlops.papers.pages import digest, finish, publish
from jupyter_mlops.papers.tour import finish as lay_down
from jupyter_mlops.papers.tour import tour
from jupyter_mlops.services.audit import audit


def test_publishing_leaves_the_digest_of_the_page_in_the_audit_log(workspace):
    page = publish(workspace, to="board.html")
    event = audit(workspace, limit=1)["items"][0]
    assert event["action"] == "page:publication:written"
    assert event["subject"] == "page:executive"
    assert event["after"]["digest"] == digest(page["html"])


def test_an_empty_workspace_gives_a_page_with_the_next_word(sqlite_workspace):
    html = publish(sqlite_workspace, to="board.html")["html"]
    assert "No model works for you yet." in html
    assert "%mlops register" in html


def test_a_page_is_published_in_japanese(sqlite_workspace):
    html = publish(sqlite_workspace, to="board.html", lang="ja")["html"]
    assert '<html lang="ja">' in html
    assert "稼働中のモデルはまだありません。" in html


def test_an_unknown_page_is_refused_with_those_there_are(sqlite_workspace):
    with pytest.raises(NotFound, match="executive"):
        publish(sqlite_workspace, "executve", to="board.html")


def test_a_page_is_written_into_the_folder_it_is_sent_to(tmp_path):
    answer = {"name": "executive", "url": "", "html": "<p>hello</p>"}
    written = finish(answer, to=f"{tmp_path}/reports/")
    assert Path(written["written"]).read_text("utf-8") == "<p>hello</p>"
    assert written["url"] == (tmp_path / "reports" / "executive.html").as_uri()
    assert "html" not in written


def test_a_page_that_cannot_be_written_says_so_and_leaves_no_half(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(Invalid, match="cannot be written"):
        finish({"name": "executive", "url": "", "html": "x"}, to=f"{tmp_path}/file/page.html")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_the_tour_is_laid_down_and_never_over_what_was_changed(sqlite_workspace, tmp_path):
    answer = tour(sqlite_workspace, to=str(tmp_path / "tour"))
    lay_down(answer)
    lay_down(answer)
    assert (tmp_path / "tour" / "tour.ipynb").exists()
    (tmp_path / "tour" / "loan_book.py").write_text("mine")
    with pytest.raises(Exception, match="is there already"):
        lay_down(answer)
