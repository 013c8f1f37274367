"""What keeps strangers, other pages and guessed names out."""

from __future__ import annotations

import json
import os

import pytest
from tornado.httpclient import HTTPClientError

from jupyter_mlops.errors import NotFound
from jupyter_mlops_lab.dashboards import notebook_of

API = "jupyter-mlops/api"


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
