"""What a server answers to somebody it does not know, set up as it is installed: with Voilà beside us."""

from __future__ import annotations

from hashlib import sha256

import pytest
from tornado.httpclient import HTTPClientError
from tornado.web import RequestHandler

OF_PACKAGES = {
    r"/voila/templates/(.*)": "voila/templates/lab/static/voila.js",
    r"/voila/static/(.*)": "voila/static/voila.js",
    r"/voila/api/themes/(.*)": "voila/api/themes/@jupyterlab/theme-light-extension/index.css",
    r"/voila/labextensions/(.*)": "voila/labextensions/jupyter-mlops/package.json",
}
"""Routes that anybody may read, each with an address: files of packages that anybody has from PyPI."""
A_KERNEL = "00000000-0000-0000-0000-000000000000"
PATH = r"(?P<path>(?:(?:/[^/]+)+|/?))"
KEPT = {
    r"/jupyter-mlops/api/openapi\.json": "jupyter-mlops/api/openapi.json",
    r"/jupyter-mlops/api/blobs/([0-9A-Za-z:]+)": f"jupyter-mlops/api/blobs/{sha256(b'{}').hexdigest()}",
    r"/jupyter-mlops/api/pictures/([^/]+)": "jupyter-mlops/api/pictures/fleet",
    r"/jupyter-mlops/api/([^/]+)": "jupyter-mlops/api/overview",
    r"/jupyter-mlops/dashboards/([^/]+)": "jupyter-mlops/dashboards/executive",
    r"/voila/files/(.*)": "voila/files/plot.png",
    r"/voila/render/(.*)": "voila/render/work.ipynb",
    r"/voila": "voila",
    rf"/voila/tree{PATH}": "voila/tree",
    rf"/voila/api/contents{PATH}": "voila/api/contents/work.ipynb",
    r"/voila/api/shutdown/(.*)": f"voila/api/shutdown/{A_KERNEL}",
}
"""All other routes of the two extensions, each with an address that answers whoever signed in."""
FORGED = {"Cookie": f"_xsrf={'0f' * 16}", "X-XSRFToken": "0f" * 16}
"""What anybody can make up: a cookie against forged requests, and the header that matches it."""
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


@pytest.fixture
def jp_server_config(tmp_path):
    return {
        "ServerApp": {
            "jpserver_extensions": {"jupyter_mlops_lab": True, "voila.server_extension": True}
        },
        "MlopsLab": {"workspace": str(tmp_path / "configured")},
    }


@pytest.fixture
def ask(jp_serverapp, http_server_client, jp_base_url):
    """Asks without any token or cookie of the server's, and gives the answer as it is."""

    async def asked(path, method="GET", **headers):
        body = b"{}" if method in ("POST", "PUT", "PATCH") else None
        return await http_server_client.fetch(
            f"{jp_base_url}{path.lstrip('/')}",
            method=method,
            body=body,
            headers={"Content-Type": "application/json", **headers},
            follow_redirects=False,
            raise_error=False,
        )

    return asked


@pytest.fixture
def beside(jp_root_dir):
    """Files beside a notebook, each with a secret in it."""
    names = ("plot.png", "plot.svg", "store.db", ".env", "work.ipynb", "code.py", ".hidden.png")
    for name in names:
        (jp_root_dir / name).write_text("a secret beside it")
    return names


async def test_no_file_beside_a_notebook_is_given_to_a_stranger(ask, beside):
    for name in beside:
        for method in ("GET", "HEAD"):
            answer = await ask(f"voila/files/{name}", method)
            assert answer.code in (302, 403), (method, name)
            assert b"secret" not in answer.body


async def test_k09_who_signed_in_is_given_pictures_and_nothing_else(jp_fetch, beside):
    for name in ("plot.png", "plot.svg"):
        assert (await jp_fetch("voila/files", name)).body == b"a secret beside it"
    for name in (*beside[2:], "..%2Fplot.png", "%2Fetc%2Fpasswd"):
        with pytest.raises(HTTPClientError) as error:
            await jp_fetch("voila/files", name)
        assert error.value.code in (403, 404), name
        assert b"secret" not in error.value.response.body


async def test_every_route_of_both_extensions_is_known_to_these_tests(jp_serverapp, jp_base_url):
    """A new one has to be written into one of the two lists above."""
    found = {pattern for pattern, _ in added(jp_serverapp, jp_base_url)}
    assert found == {*OF_PACKAGES, *KEPT}


async def test_p9_no_route_does_anything_for_a_stranger(ask, jp_serverapp, jp_base_url, beside):
    assert jp_serverapp.allow_unauthenticated_access
    for pattern, handler in added(jp_serverapp, jp_base_url):
        if pattern in OF_PACKAGES:
            continue
        for method in METHODS:
            answer = await ask(KEPT[pattern], method, **FORGED)
            wanted = (302, 403) if has(handler, method) else (403, 405)
            assert answer.code in wanted, (method, pattern, answer.code)
            assert "/login?" in answer.headers.get("Location", "/login?")
            assert b"secret" not in answer.body


async def test_what_may_be_asked_of_a_route_is_all_that_it_tells_a_stranger(ask):
    for path in KEPT.values():
        answer = await ask(path, "OPTIONS")
        assert answer.code in (200, 302, 403, 405), path
        assert not answer.body or answer.code >= 400


async def test_what_anybody_may_read_is_never_written(ask, jp_serverapp, jp_base_url):
    for path in OF_PACKAGES.values():
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            assert (await ask(path, method, **FORGED)).code in (403, 405), (method, path)


@pytest.mark.parametrize("path", ["..%2F..%2Fetc%2Fpasswd", "%2Fetc%2Fpasswd", "..%2Fplot.png"])
async def test_no_address_leads_out_of_the_files_of_a_package(ask, beside, path):
    for folder in ("static", "templates", "templates/lab/static", "labextensions", "api/themes"):
        answer = await ask(f"voila/{folder}/{path}")
        assert answer.code >= 400, folder
        assert b"root:" not in answer.body
        assert b"secret" not in answer.body


def added(server, base):
    """Give pattern and handler of every route that the two extensions have added to a server."""
    for rule in routes(server.web_app.default_router):
        pattern = rule.matcher.regex.pattern.removeprefix(base.rstrip("/")).removesuffix("$")
        ours = rule.target.__module__.partition(".")[0] in ("jupyter_mlops_lab", "voila")
        if ours or pattern.startswith(("/voila", "/jupyter-mlops")):
            yield pattern, rule.target


def routes(router):
    """Go through every route of an application."""
    for rule in router.rules:
        if hasattr(rule.target, "rules"):
            yield from routes(rule.target)
        elif hasattr(rule.matcher, "regex"):
            yield rule


def has(handler, method):
    """Say whether a handler does anything when it is asked this way."""
    return getattr(handler, method.lower()) is not getattr(RequestHandler, method.lower())
