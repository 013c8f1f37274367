"""Documents of real versions: answers are kept and carried over, files are steady, events say so."""

import base64
from pathlib import Path

import pytest
from sqlalchemy import text as sql
from sqlalchemy.exc import DBAPIError

import stories
from jupyter_mlops import open_workspace
from jupyter_mlops.errors import Invalid, NotFound, Refused, Unavailable
from jupyter_mlops.papers import documents
from jupyter_mlops.services.audit import audit
from jupyter_mlops.services.workspace import open_local

SHORT = """\
name: short
title: Short
sections:
- heading: One
  parts:
  - block: about
  - block: data
  - blank: why
    asks: Why?
  - blank: who
    asks: Who?
"""


@pytest.fixture(scope="module")
def told(shared_where):
    """A workspace with two versions of one model and one of another, and the door to it."""
    with open_workspace(shared_where) as session:
        model, train, holdout = stories.tumours()
        stories.registered(session, purpose="<b>triage</b>", tags=["a"])
        session.register(model, name="tumour", train=train, target="target", description="second")
        session.register(model, name="other", train=train, target="target", holdout=holdout)
    ws = open_local(shared_where)
    yield ws
    ws.engine.dispose()


def test_answers_are_kept_carried_over_and_confirmed(told):
    first = documents.document(told, "tumour:1", "why: Because.\nwho: '*Ann*'\n", template=SHORT)
    assert (first["answered"], first["complete"], first["kept"]) == (2, True, ["why", "who"])
    second = documents.document(told, "tumour:2", template=SHORT)
    assert (second["answered"], second["carried"], second["complete"]) == (0, 2, False)
    assert {row["ref"] for row in second["items"]} == {"tumour:1"}
    third = documents.document(told, "tumour:2", template=SHORT, confirm=("why",))
    assert (third["kept"], third["carried"]) == (["why"], 1)
    fourth = documents.document(told, "tumour:2", "who: Bob\n", template=SHORT)
    assert fourth["complete"]
    assert documents.document(told, "tumour:1", template=SHORT)["items"][1]["answer"] == "*Ann*"
    actions = [event["action"] for event in audit(told, "document:", limit=3)["items"]]
    assert actions == [
        "document:answers:done",
        "document:confirmation:done",
        "document:answers:done",
    ]
    with pytest.raises(Refused, match="Nothing of that was carried over"):
        documents.document(told, "tumour:2", template=SHORT, confirm=("all",))
    with pytest.raises(DBAPIError, match="append-only"), told.engine.begin() as connection:
        connection.execute(sql("UPDATE answer SET text = 'x'"))


def test_saying_the_same_again_writes_nothing(told):
    documents.document(told, "other:1", "why: Because.", template=SHORT)
    before = audit(told, verify=True, limit=1)["events"]
    assert documents.document(told, "other:1", "why: Because.", template=SHORT)["kept"] == []
    assert audit(told, verify=True, limit=1)["events"] == before


def test_a_document_is_kept_by_its_digest_and_the_same_state_gives_the_same(told):
    first = documents.document(told, "other:1", template=SHORT, to="a.html")
    again = documents.document(told, "other:1", template=SHORT, to="b.html")
    assert first["digest"] == again["digest"]
    data = base64.b64decode(first["files"][""])
    assert told.artifacts.get(first["digest"]) == data
    event = audit(told, "document:writing", limit=1)["items"][0]
    assert event["subject"] == "version:other:1"
    assert event["after"]["digest"] == first["digest"]
    assert (event["after"]["answered"], event["after"]["blanks"]) == (1, 2)


def test_what_people_wrote_is_text_and_an_open_question_makes_it_a_draft(told):
    made = documents.document(told, "tumour:1", template=SHORT, to="a.html")
    page = base64.b64decode(made["files"][""]).decode()
    assert "&lt;b&gt;triage&lt;/b&gt;" in page
    assert "<b>triage" not in page
    made = documents.document(told, "other:1", template=SHORT, to="a.html")
    assert "This is a draft. Open questions: 1." in base64.b64decode(made["files"][""]).decode()


def test_the_language_is_the_one_that_was_asked_for(told):
    made = documents.document(told, "other:1", template="annex-iv", lang="ja")
    assert (made["title"], made["language"]) == ("技術文書", "ja")


def test_a_difference_says_what_changed_and_only_that(told):
    made = documents.document(told, "tumour:2", template=SHORT, against="tumour:1", to="a.md")
    page = base64.b64decode(made["files"][""]).decode()
    assert "| description | – | second |" in page
    assert "| kind of answer" not in page
    with pytest.raises(Refused, match="no other version of tumour"):
        documents.document(told, "tumour:2", template=SHORT, against="other:1")


def test_a_card_has_the_keys_that_the_hub_reads(told):
    import yaml

    made = documents.card(told, "other:1", to="card.md")
    front = yaml.safe_load(base64.b64decode(made["files"][""]).decode().split("\n---\n")[0])
    assert front["library_name"] == "sklearn"
    assert front["pipeline_tag"] == "tabular-classification"
    assert {"sklearn", "skops"} <= set(front["tags"])
    metrics = front["model-index"][0]["results"][0]["metrics"]
    assert {"roc_auc", "accuracy"} <= {metric["type"] for metric in metrics}
    assert [name for name in made["files"] if name.endswith(".png")]


def test_wrong_questions_subjects_and_files_are_refused_in_a_line(told):
    with pytest.raises(Invalid, match="did you mean why"):
        documents.document(told, "tumour:1", "wyh: x", template=SHORT)
    with pytest.raises(Invalid, match="These are not answers"):
        documents.document(told, "tumour:1", "just text", template=SHORT)
    with pytest.raises(NotFound, match="tumour:9"):
        documents.document(told, "tumour:9", template=SHORT)
    with pytest.raises(NotFound, match="No deployment"):
        documents.document(told, "clinic", template="deployment-report")
    with pytest.raises(Invalid, match="cannot be read"):
        documents.prepare_document(None, template="absent.yaml")


def test_files_are_written_where_the_person_is_and_nowhere_else(tmp_path):
    data = base64.b64encode(b"x").decode()
    answer = {"subject": "a:1", "template": "short", "files": {"": data, "../../p.png": data}}
    written = documents.finish(answer, to=f"{tmp_path}/in/paper.md")
    assert Path(written["written"]).read_bytes() == b"x"
    assert written["files"] == {}
    names = sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file())
    assert names == ["in/paper-pictures/p.png", "in/paper.md"]
    (tmp_path / "file").write_text("")
    with pytest.raises(Invalid, match="cannot be written"):
        documents.finish(answer, to=f"{tmp_path}/file/paper.md")


def test_templates_and_answers_are_read_from_files_where_the_person_is(tmp_path):
    (tmp_path / "t.yaml").write_text(SHORT)
    (tmp_path / "a.yml").write_text("why: x")
    said = documents.prepare_document(
        None, template=str(tmp_path / "t.yaml"), text=str(tmp_path / "a.yml")
    )
    assert said.arguments["text"] == "why: x"
    assert said.arguments["template"].startswith("name: short")


def test_a_form_that_needs_what_is_not_there_leaves_no_event(told, monkeypatch):
    import sys

    before = audit(told, verify=True, limit=1)["events"]
    monkeypatch.setitem(sys.modules, "typst", None)
    with pytest.raises(Unavailable, match="documents"):
        documents.document(told, "other:1", template=SHORT, to="a.pdf")
    assert audit(told, verify=True, limit=1)["events"] == before
