from __future__ import annotations

import hashlib
import json
import logging
import re
from dataclasses import dataclass, field, replace

import pytest
from tornado.httpclient import HTTPClientError

from commands import diary
from jupyter_mlops.commands.grammar import discover
from jupyter_mlops.commands.local import Local
from jupyter_mlops_lab.app import MlopsLab

API = "jupyter-mlops/api"


@dataclass
class Shelf:
    """Keeps bytes in a list."""

    kept: list[bytes] = field(default_factory=list)

    def put(self, data):
        """Keep them."""
        self.kept.append(data)

    def dispose(self):
        """Forget them."""
        self.kept.clear()


@pytest.fixture
def jp_server_config():
    return {
        "ServerApp": {
            "jpserver_extensions": {"jupyter_mlops_lab": True},
        },
        "MlopsLab": {"blob_limit": 1000},
    }


@pytest.fixture
def lab(jp_serverapp):
    """The extension of a running server, with the small verbs of the diary in place of ours."""
    found = jp_serverapp.extension_manager.extension_apps["jupyter_mlops_lab"]
    (app,) = [app for app in found if isinstance(app, MlopsLab)]
    app.words = discover([diary.__name__])
    shelf = Shelf()
    book = diary.Diary(artifacts=shelf, engine=shelf)
    app._door = Local(book)
    return app


def json_headers():
    return {"Content-Type": "application/json"}


async def refused(asked):
    with pytest.raises(HTTPClientError) as error:
        await asked
    return error.value.response


async def test_a_read_is_a_get_and_a_deed_is_a_post(lab, jp_fetch):
    written = await jp_fetch(
        API, "note", method="POST", headers=json_headers(), body='{"text": "<b>"}'
    )
    assert json.loads(written.body) == {"id": 1, "ref": "note:1", "text": "<b>"}
    found = await jp_fetch(API, "notes", params={"query": "<b"})
    assert json.loads(found.body)["items"][0]["text"] == "<b>"


async def test_a_deed_is_never_a_get(lab, jp_fetch):
    answer = await refused(jp_fetch(API, "note"))
    assert answer.code == 405
    assert answer.headers["Allow"] == "POST"
    assert (
        await refused(jp_fetch(API, "notes", method="POST", headers=json_headers(), body="{}"))
    ).code == 405


async def test_a_read_that_writes_a_file_is_a_post(lab, jp_fetch):
    looked = await jp_fetch(API, "pages")
    assert json.loads(looked.body)["id"] == 0
    answer = await refused(jp_fetch(API, "pages", params={"to": "x.zip"}))
    assert (answer.code, answer.headers["Allow"]) == (405, "POST")
    drawn = await refused(jp_fetch(API, "pictures", "pages", params={"to": "x.zip"}))
    assert (drawn.code, drawn.headers["Allow"]) == (405, "POST")
    assert lab.door().ws.notes == []
    body = '{"to": "x.zip"}'
    await jp_fetch(API, "pages", method="POST", headers=json_headers(), body=body)
    assert lab.door().ws.notes == [["x.zip"]]


async def test_only_json_is_taken(lab, jp_fetch):
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = await refused(jp_fetch(API, "note", method="POST", headers=form, body="text=x"))
    assert answer.code == 415
    assert lab.door().ws.notes == []


@pytest.mark.parametrize(
    ("body", "code", "hint"),
    [
        ('{"texd": "x"}', "argument_unknown", "Did you mean text?"),
        ("{}", "argument_missing", "body"),
        ('{"text": 1}', "value_invalid", "note TEXT"),
        ('{"text": "x", "mood": "tens"}', "choice_unknown", "Did you mean tense?"),
        ('{"text": "x", "weight": NaN}', "body_invalid", "by name"),
        ("[1]", "body_invalid", "by name"),
    ],
)
async def test_a_wrong_body_is_a_problem_with_a_hint(lab, jp_fetch, body, code, hint):
    answer = await refused(jp_fetch(API, "note", method="POST", headers=json_headers(), body=body))
    told = json.loads(answer.body)
    assert answer.code == told["status"] == 400
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert told["code"] == code
    assert hint in told["hint"]


async def test_an_error_of_a_verb_keeps_its_class_and_code(lab, jp_fetch):
    asked = jp_fetch(API, "erase", method="POST", headers=json_headers(), body='{"request": 3}')
    told = json.loads((await refused(asked)).body)
    assert (told["status"], told["title"], told["code"]) == (404, "NotFound", "note_not_found")
    assert told["detail"] == "There is no note 3."


async def test_an_unknown_word_and_one_said_here_have_no_route(lab, jp_fetch):
    told = json.loads((await refused(jp_fetch(API, "nots"))).body)
    assert (told["status"], told["hint"]) == (404, "Did you mean notes?")
    assert (await refused(jp_fetch(API, "whisper"))).code == 404


async def test_a_live_argument_is_never_a_path_on_the_server(lab, jp_fetch):
    body = '{"rows": "/etc/passwd", "name": "x"}'
    answer = await refused(jp_fetch(API, "keep", method="POST", headers=json_headers(), body=body))
    assert json.loads(answer.body)["code"] == "value_invalid"


async def test_a_picture_is_an_inert_drawing_in_which_every_name_is_text(lab, jp_fetch):
    lab.words = {**lab.words, "lineage": replace(lab.words["notes"], name="lineage")}
    lab._door.claiming = lambda said: lab._door
    lab._door.do = lambda verb, arguments: {
        "ref": "a:1",
        "because": "",
        "edges": [],
        "items": [
            {"id": "1", "kind": "version", "name": arguments["query"], "detail": "", "at": None}
        ],
    }
    asked = {"query": "<script>x</script>", "width": "300", "ground": "dark"}
    answer = await jp_fetch(API, "pictures", "lineage", params=asked)
    assert answer.headers["Content-Type"].startswith("image/svg+xml")
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert "&lt;script&gt;" in answer.body.decode()
    assert "<script" not in answer.body.decode()
    assert "#2563EB" not in answer.body.decode()


@pytest.mark.parametrize(
    ("verb", "asked", "code"),
    [
        ("notes", {"width": "9"}, "picture_unfit"),
        ("notes", {"width": "1e9"}, "picture_unfit"),
        ("notes", {"width": "9" * 5000}, "picture_unfit"),
        ("notes", {"ground": "<b>"}, "picture_unfit"),
        ("notes", {}, "no_picture"),
        ("nots", {}, "verb_unknown"),
        ("note", {}, "http_405"),
    ],
)
async def test_what_cannot_be_drawn_is_said(lab, jp_fetch, verb, asked, code):
    answer = await refused(jp_fetch(API, "pictures", verb, params=asked))
    assert json.loads(answer.body)["code"] == code
    assert lab.door().ws.notes == []


async def test_bytes_are_kept_under_their_digest(lab, jp_fetch):
    name = hashlib.sha256(b"bytes").hexdigest()
    for _ in range(2):
        answer = await jp_fetch(API, "blobs", name, method="PUT", body=b"bytes")
        assert answer.code == 204
    assert set(lab.door().ws.artifacts.kept) == {b"bytes"}


async def test_other_bytes_and_too_many_are_refused(lab, jp_fetch):
    name = hashlib.sha256(b"bytes").hexdigest()
    answer = await refused(jp_fetch(API, "blobs", name, method="PUT", body=b"other"))
    assert json.loads(answer.body)["code"] == "digest_differs"
    answer = await refused(jp_fetch(API, "blobs", name, method="PUT", body=b"x" * 2000))
    assert json.loads(answer.body)["code"] == "blob_too_large"
    assert lab.door().ws.artifacts.kept == []


async def test_the_description_is_served(lab, jp_fetch):
    told = json.loads((await jp_fetch(API, "openapi.json")).body)
    assert told["openapi"].startswith("3.1")
    assert told["servers"][0]["url"].endswith("/jupyter-mlops/api")


async def test_answers_are_inert_in_a_browser(lab, jp_fetch):
    headers = (await jp_fetch(API, "notes")).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["Cache-Control"] == "no-store"


async def test_what_the_server_says_of_its_user_is_kept_as_a_claim(lab, jp_fetch):
    told = {**json_headers(), "Jupyter-Mlops-Mouth": "kernel"}
    claims = []
    lab._door.claiming = lambda said: claims.append(said) or lab._door
    await jp_fetch(API, "note", method="POST", headers=told, body='{"text": "x"}')
    await jp_fetch(API, "notes")
    assert [said["mouth"] for said in claims] == ["kernel", "panel"]
    assert claims[0]["jupyter"]


async def test_a17_a_fault_is_answered_and_logged_without_what_was_said(
    lab, jp_fetch, jp_serverapp, http_server_client, jp_base_url, caplog
):
    def failing(verb, arguments):
        raise RuntimeError(arguments["text"])

    lab._door.do = failing
    lab._door.claiming = lambda said: lab._door
    token = jp_serverapp.identity_provider.token
    with caplog.at_level(logging.DEBUG):
        answer = await refused(
            http_server_client.fetch(
                f"{jp_base_url}{API}/note?token={token}",
                method="POST",
                headers={**json_headers(), "Authorization": f"token {token}", "Cookie": "a=crumb"},
                body='{"text": "a secret"}',
            )
        )
    told = json.loads(answer.body)
    assert (answer.code, told["code"], told["detail"]) == (500, "http_500", "Internal Server Error")
    said = caplog.text + answer.body.decode()
    assert "RuntimeError" in said
    assert "in failing" in said
    for secret in (token, "crumb", "a secret"):
        assert secret not in said


async def test_a17_a_refusal_is_logged_without_the_token_of_its_address(
    lab, jp_serverapp, http_server_client, jp_base_url, caplog
):
    token = jp_serverapp.identity_provider.token
    with caplog.at_level(logging.DEBUG):
        for address in ("note", "nots", "pictures/note"):
            asked = http_server_client.fetch(f"{jp_base_url}{API}/{address}?token={token}")
            assert (await refused(asked)).code in (404, 405)
        far = {"Sec-Fetch-Site": "cross-site"}
        asked = http_server_client.fetch(
            f"{jp_base_url}{API}/note?token={token}", method="POST", body="{}", headers=far
        )
        assert (await refused(asked)).code == 403
    assert token not in caplog.text


async def test_the_language_that_is_asked_for_is_spoken(lab, jp_fetch):
    japanese = {"Accept-Language": "ja-JP,en;q=0.5"}
    told = json.loads((await refused(jp_fetch(API, "nots", headers=japanese))).body)
    assert told["code"] == "verb_unknown"
    assert re.search(r"[\u3040-\u30ff]", told["detail"])
