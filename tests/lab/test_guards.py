"""What keeps strangers, other pages and guessed names out."""

from __future__ import annotations

import json
import os
from urllib.parse import urlsplit

import pytest
from tornado.httpclient import HTTPClientError

from jupyter_mlops.commands.words import verbs
from jupyter_mlops.errors import NotFound
from jupyter_mlops_lab.dashboards import notebook_of

API = "jupyter-mlops/api"
PASSWORD = "opens-the-database"


@pytest.fixture
def jp_server_config(tmp_path):
    return {
        "ServerApp": {"jpserver_extensions": {"jupyter_mlops_lab": True}},
        "MlopsLab": {"workspace": str(tmp_path / "configured")},
    }


@pytest.fixture
def cookies(jp_serverapp, http_server_client, jp_base_url):
    """Signs in as a browser does; gives its cookies."""

    async def signed_in():
        form = await http_server_client.fetch(f"{jp_base_url}login")
        asked = f"{jp_base_url}login?token={jp_serverapp.identity_provider.token}"
        with pytest.raises(HTTPClientError) as error:
            await http_server_client.fetch(asked, follow_redirects=False)
        answers = (form, error.value.response)
        told = [one for answer in answers for one in answer.headers.get_list("Set-Cookie")]
        return dict(one.split(";")[0].split("=", 1) for one in told)

    return signed_in


async def test_another_page_cannot_speak_with_a_borrowed_cookie(
    cookies, http_server_client, jp_base_url
):
    jar = await cookies()
    asked = {
        "path": f"{jp_base_url}{API}/request",
        "method": "POST",
        "body": json.dumps({"ref": "x:1", "for_deployment": "d"}),
    }
    headers = {
        "Cookie": "; ".join(f"{name}={value}" for name, value in jar.items()),
        "Content-Type": "application/json",
    }
    with pytest.raises(HTTPClientError) as error:
        await http_server_client.fetch(**asked, headers=headers)
    assert error.value.code == 403
    with pytest.raises(HTTPClientError) as error:
        await http_server_client.fetch(**asked, headers={**headers, "X-XSRFToken": jar["_xsrf"]})
    assert error.value.code == 404
    assert json.loads(error.value.response.body)["code"] == "version_not_found"


@pytest.mark.parametrize("verb", ["approve", "reject", "request", "deploy"])
async def test_f09_no_page_of_another_site_decides_even_with_a_token(jp_fetch, verb):
    asked = jp_fetch(
        API,
        verb,
        method="POST",
        headers={"Content-Type": "application/json", "Sec-Fetch-Site": "cross-site"},
        body='{"request": 1}',
    )
    with pytest.raises(HTTPClientError) as error:
        await asked
    assert error.value.code == 403
    assert "application/problem+json" in error.value.response.headers["Content-Type"]


@pytest.mark.parametrize("folder", ["", "blobs", "pictures"])
@pytest.mark.parametrize(
    "name",
    ["..%2F..%2Fetc%2Fpasswd", "%2Fetc%2Fpasswd", "..%5C..", "store.db", "%00", "~", "a%23b"],
)
async def test_k03_no_name_in_an_address_is_a_path(jp_fetch, tmp_path, folder, name):
    (tmp_path / "configured").mkdir(exist_ok=True)
    (tmp_path / "configured" / "canary").write_text("a secret of the workspace")
    with pytest.raises(HTTPClientError) as error:
        await jp_fetch(*filter(None, [API, folder, name]))
    assert error.value.code in (400, 404)
    assert b"secret" not in error.value.response.body
    assert b"root:" not in error.value.response.body


async def test_the_configured_workspace_is_the_kernels_too(jp_serverapp, jp_fetch, tmp_path):
    told = json.loads((await jp_fetch(API, "overview")).body)
    assert str(tmp_path / "configured") in told["workspace"]
    assert os.environ["JUPYTER_MLOPS_WORKSPACE"] == str(tmp_path / "configured")


async def test_only_our_own_dashboards_are_shown(jp_serverapp, jp_fetch):
    for name in ("nothing", "..%2F..%2Fetc%2Fpasswd", "executive.ipynb"):
        with pytest.raises(HTTPClientError) as error:
            await jp_fetch("jupyter-mlops/dashboards", name)
        assert error.value.code == 404


def test_the_notebook_of_a_dashboard_is_found():
    assert notebook_of("executive").name == "executive.ipynb"
    with pytest.raises(NotFound, match="Did you mean executive"):
        notebook_of("execitive")


class TestADatabaseWithAPassword:
    """K04: what the panel may ask never gives away what opens the database."""

    @pytest.fixture
    def password(self, schema):
        """The one of the database; where it asks for none, it is told one all the same."""
        return urlsplit(schema).password or "opens-the-database"

    @pytest.fixture
    def jp_server_config(self, schema, password, tmp_path, monkeypatch):
        """A server whose workspace is in that database."""
        monkeypatch.setenv("JUPYTER_MLOPS_FOLDER", str(tmp_path / "folder"))
        user = urlsplit(schema).username
        where = f"postgresql+psycopg://{user}:{password}@{schema.rpartition('@')[2]}"
        return {
            "ServerApp": {"jpserver_extensions": {"jupyter_mlops_lab": True}},
            "MlopsLab": {"workspace": where},
        }

    async def test_k04_no_answer_holds_the_password(self, jp_fetch, password):
        """Every verb that needs no argument is asked."""
        looks = [
            verb.name
            for verb in verbs().values()
            if verb.does == "read"
            and verb.said == "anywhere"
            and not any(param.required for param in verb.params)
        ]
        assert len(looks) >= 8
        for name in looks:
            told = (await jp_fetch(API, name)).body
            assert password.encode() not in told, name
