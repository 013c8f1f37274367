"""What keeps strangers, other pages and guessed names out."""

from __future__ import annotations

import json
import os
from urllib.parse import urlsplit

import pytest
from tornado.httpclient import HTTPClientError

from jupyter_mlops import open_workspace
from jupyter_mlops.commands.words import verbs
from jupyter_mlops.errors import NotFound
from jupyter_mlops.services.server import where
from jupyter_mlops_lab.dashboards import notebook_of

API = "jupyter-mlops/api"
SPOKEN = {"headers": {"Content-Type": "application/json"}}


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


@pytest.mark.parametrize(
    ("method", "path", "body", "code"),
    [
        ("POST", "request", '{"ref": "x:1", "for_deployment": "d"}', "version_not_found"),
        ("PUT", f"blobs/{'0' * 64}", "not these bytes", "digest_differs"),
    ],
)
async def test_another_page_cannot_speak_with_a_borrowed_cookie(
    cookies, http_server_client, jp_base_url, method, path, body, code
):
    jar = await cookies()
    asked = {"path": f"{jp_base_url}{API}/{path}", "method": method, "body": body}
    headers = {"Cookie": as_header(jar), "Content-Type": "application/json"}
    with pytest.raises(HTTPClientError) as error:
        await http_server_client.fetch(**asked, headers=headers)
    assert error.value.code == 403
    with pytest.raises(HTTPClientError) as error:
        await http_server_client.fetch(**asked, headers={**headers, "X-XSRFToken": jar["_xsrf"]})
    assert json.loads(error.value.response.body)["code"] == code


ROUTES = (
    ("GET", f"{API}/openapi.json"),
    ("GET", f"{API}/overview"),
    ("POST", f"{API}/request"),
    ("GET", f"{API}/pictures/fleet"),
    ("GET", f"{API}/blobs/{'0' * 64}"),
    ("PUT", f"{API}/blobs/{'0' * 64}"),
    ("GET", "jupyter-mlops/dashboards/executive"),
    ("GET", "voila/files/plot.png"),
)


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize("how", ["cookie", "token"])
async def test_f09_another_name_for_this_machine_opens_nothing(
    cookies, jp_auth_header, http_server_client, jp_base_url, jp_root_dir, method, path, how
):
    """A page of evil.example whose name leads here now (DNS rebinding) has its host, not ours."""
    (jp_root_dir / "plot.png").write_text("a secret")
    known = jp_auth_header if how == "token" else {"Cookie": as_header(await cookies())}
    answer = await http_server_client.fetch(
        f"{jp_base_url}{path}",
        method=method,
        body=None if method == "GET" else "{}",
        headers={**known, "Host": "evil.example", "Content-Type": "application/json"},
        raise_error=False,
    )
    assert (answer.code, b"secret" in answer.body) == (403, False)


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_f09_no_page_of_another_origin_reads_with_a_borrowed_cookie(
    cookies, http_server_client, jp_base_url, jp_root_dir, method, path
):
    (jp_root_dir / "plot.png").write_text("a secret")
    jar = await cookies()
    told = {"Origin": "https://evil.example", "Referer": "https://evil.example/page"}
    answer = await http_server_client.fetch(
        f"{jp_base_url}{path}",
        method=method,
        body=None if method == "GET" else "{}",
        headers={**told, "Cookie": as_header(jar), "X-XSRFToken": jar["_xsrf"]},
        raise_error=False,
    )
    assert answer.code in (403, 404)
    assert b"secret" not in answer.body
    assert "Access-Control-Allow-Origin" not in answer.headers
    if API in path:
        assert json.loads(answer.body)["code"] in ("http_403", "http_404")


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


async def test_k04_no_answer_holds_the_token_of_the_prediction_server(jp_fetch, tmp_path):
    with open_workspace(tmp_path / "configured") as session:
        session.serve()
        token = where(session.door.ws)["token"]
        told = []
        for verb in verbs().values():
            for said in ({}, dict.fromkeys((param.name for param in verb.params), "no-such:1")):
                method = "GET" if verb.does == "read" else "POST"
                more = {"params": said} if method == "GET" else {"body": json.dumps(said)}
                told.append(
                    await answered(jp_fetch(API, verb.name, **SPOKEN, method=method, **more))
                )
        session.stop()
    assert sum(answer.code == 200 for answer in told) >= 8
    assert {400, 404, 422} <= {answer.code for answer in told}
    assert not [answer for answer in told if token.encode() in answer.body]


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


def as_header(jar):
    """Return cookies as a browser sends them."""
    return "; ".join(f"{name}={value}" for name, value in jar.items())


async def answered(asked):
    """Return what was answered, refusals too."""
    try:
        return await asked
    except HTTPClientError as error:
        return error.response


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
