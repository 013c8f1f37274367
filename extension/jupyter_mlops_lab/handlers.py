"""The routes: verbs, the bytes they point to, and their description."""

from __future__ import annotations

import asyncio
import contextvars
import getpass
import hashlib
import http.client
import json
import traceback
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import tornado
from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from jupyter_server.extension.handler import ExtensionHandlerMixin

from jupyter_mlops.commands.drawing import drawn, read_size
from jupyter_mlops.commands.generated import OPENAPI
from jupyter_mlops.commands.problem import TYPE, to_problem
from jupyter_mlops.commands.remote import MOUTH
from jupyter_mlops.commands.values import from_json, from_query
from jupyter_mlops.commands.words import Verb, verb_named
from jupyter_mlops.errors import Invalid, MlopsError, NotFound, UsageError
from jupyter_mlops.locale import language, nearest

if TYPE_CHECKING:
    from tornado.http1connection import HTTP1Connection

    from jupyter_mlops.commands.local import Local
    from jupyter_mlops_lab.app import MlopsLab

MOUTHS: Final = ("kernel", "panel", "python", "terminal")
READS: Final = ("GET", "HEAD", "OPTIONS")
SITE: Final = "Sec-Fetch-Site"
"""Browsers say with it whether a request comes from a page of another site; pages cannot set it."""
_Told = TypeVar("_Told")


class SpokenHandler(ExtensionHandlerMixin, APIHandler):
    """What every route of ours does: know who asks, speak their language, answer in JSON."""

    auth_resource = "mlops"
    allowed = ""

    @property
    def lab(self) -> MlopsLab:
        """Return the extension with its settings."""
        return cast("MlopsLab", self.extensionapp)

    async def prepare(self) -> None:  # type: ignore[override]  # the server's own waits as well
        """Let no page of another site change anything, whatever it has borrowed (fetch metadata)."""
        await super().prepare()
        if self.request.method not in READS and self.request.headers.get(SITE) == "cross-site":
            raise tornado.web.HTTPError(403)

    async def in_thread(self, work: Callable[[Local], _Told]) -> _Told:
        """Do the work where it cannot hold up the server, in the language that was asked for."""
        context = contextvars.copy_context()
        spoken = nearest(self.request.headers.get("Accept-Language", ""))
        claims = self._claims()

        def done() -> _Told:
            with language(spoken):
                return work(self.lab.door().claiming(claims))

        return await asyncio.get_running_loop().run_in_executor(
            self.lab.pool, lambda: context.run(done)
        )

    def answer(self, told: Mapping[str, Any]) -> None:
        """Write JSON that no browser takes for anything else."""
        self.finish(json.dumps(told, ensure_ascii=False, allow_nan=False))

    def set_default_headers(self) -> None:
        """Forbid the browser to guess, keep or run what is answered."""
        super().set_default_headers()
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Cache-Control", "no-store")

    @property
    def content_security_policy(self) -> str:
        """Put every answer into a sandbox."""
        return "default-src 'none'; frame-ancestors 'none'; sandbox"

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Write an error of ours as a problem, in the language that was asked for."""
        error = kwargs.get("exc_info", (None, None, None))[1]
        with language(nearest(self.request.headers.get("Accept-Language", ""))):
            problem = _problem(error, status_code)
        self.set_status(problem["status"])
        if self.allowed:
            self.set_header("Allow", self.allowed)
        self.finish(json.dumps(problem, ensure_ascii=False), set_content_type=TYPE)

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        """Log where a fault of ours is, and nothing of what was said: messages and addresses hold it.

        Expected errors are answers; the server's own line for each request tells of them.
        """
        if not isinstance(value, MlopsError | tornado.web.HTTPError):
            frames = "".join(traceback.format_tb(tb))
            self.log.error("%s in %s:\n%s", typ.__name__, type(self).__name__, frames)

    def _claims(self) -> dict[str, str]:
        said = self.request.headers.get(MOUTH, "panel")
        return {
            "mouth": said if said in MOUTHS else "panel",
            "user": getpass.getuser(),
            "jupyter": str(getattr(self.current_user, "username", "")),
        }


class VerbHandler(SpokenHandler):
    """One verb: GET when it only looks, POST when it changes something, or is asked about rows."""

    @tornado.web.authenticated
    @authorized
    async def get(self, name: str) -> None:
        """Say a verb that only looks."""
        verb = self.verb(name, "read")
        arguments = self.looked_for(verb, _texts(self.request.query_arguments))
        self.answer(await self.in_thread(lambda door: door.do(verb, arguments)))

    @tornado.web.authenticated
    @authorized
    async def post(self, name: str) -> None:
        """Say a verb that changes something, or one that only looks at the rows that are sent."""
        verb = self.verb(name, "deed")
        arguments = from_json(verb, self._body())
        self.answer(await self.in_thread(lambda door: door.do(verb, arguments)))

    def verb(self, name: str, does: str) -> Verb:
        """Return the word of that name, when it may be said this way."""
        words = {name: verb for name, verb in self.lab.words.items() if verb.said == "anywhere"}
        try:
            verb = verb_named(name, words)
        except UsageError as error:
            raise NotFound(error.template, error.hint_template, **_values(error)) from None
        if verb.does != does and not (does == "deed" and verb.may_be_posted):
            self.allowed = "GET" if verb.does == "read" else "POST"
            raise tornado.web.HTTPError(405)
        return verb

    def looked_for(self, verb: Verb, asked: Mapping[str, list[str]]) -> dict[str, Any]:
        """Return the arguments of a look; what has something written is no look, however it is asked."""
        arguments = from_query(verb, asked)
        if verb.is_posted(arguments):
            self.allowed = "POST"
            raise tornado.web.HTTPError(405)
        return arguments

    def _body(self) -> dict[str, Any]:
        kind = self.request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise tornado.web.HTTPError(415)
        try:
            body = json.loads(self.request.body, parse_constant=_no_constant)
        except ValueError:
            body = None
        if isinstance(body, dict):
            return body
        raise UsageError(
            "The body is not a JSON object.", "send the arguments by name.", code="body_invalid"
        )


class PictureHandler(VerbHandler):
    """The picture of what a verb that only looks answers, as SVG."""

    @tornado.web.authenticated
    @authorized
    async def get(self, name: str) -> None:
        """Say the verb, and draw its answer as wide and on such a ground as was asked for."""
        verb = self.verb(name, "read")
        asked = _texts(self.request.query_arguments)
        width, ground = read_size(
            asked.pop("width", ["560"])[-1], asked.pop("ground", ["light"])[-1]
        )
        arguments = self.looked_for(verb, asked)
        told = await self.in_thread(
            lambda door: drawn(verb.name, door.do(verb, arguments), width=width, ground=ground)
        )
        self.finish(told, set_content_type="image/svg+xml; charset=utf-8")

    @tornado.web.authenticated
    @authorized
    async def post(self, name: str) -> None:
        """Refuse: a picture is only looked at."""
        del name
        self.allowed = "GET"
        raise tornado.web.HTTPError(405)


@tornado.web.stream_request_body
class BlobHandler(SpokenHandler):
    """Bytes that an argument will point to, or an answer does, named by their digest."""

    async def prepare(self) -> None:  # type: ignore[override]  # the server's own waits as well
        """Take no more bytes than the limit, and none before it is known who sends them."""
        self._received = bytearray()
        await super().prepare()
        limit = self.lab.blob_limit
        if int(self.request.headers.get("Content-Length") or 0) > limit:
            raise Invalid(
                "{name} has more than {limit} bytes.",
                "raise MlopsLab.blob_limit in the server's settings.",
                code="blob_too_large",
                name=self.path_args[0],
                limit=limit,
            )
        if self.current_user:
            cast("HTTP1Connection", self.request.connection).set_max_body_size(limit)

    def data_received(self, chunk: bytes) -> None:
        """Take the next bytes of somebody who was let in."""
        if self.current_user:
            self._received += chunk

    @tornado.web.authenticated
    @authorized
    async def put(self, name: str) -> None:
        """Keep the bytes; sending them again changes nothing."""
        data = bytes(self._received)
        found = hashlib.sha256(data).hexdigest()
        if found != name.removeprefix("sha256:"):
            raise Invalid(
                "These bytes are not {name}; their digest is {digest}.",
                "send them again, unchanged and named by their SHA-256.",
                code="digest_differs",
                name=name,
                digest=found,
            )
        await self.in_thread(lambda door: door.put(data))
        self.set_status(204)
        self.finish()

    @tornado.web.authenticated
    @authorized
    async def get(self, name: str) -> None:
        """Give a file that was written for whoever asks, piece by piece; nothing else that is kept."""
        digest = f"sha256:{name.removeprefix('sha256:')}"
        pieces = await self.in_thread(lambda door: door.fetch(digest))
        self.set_header("Content-Type", "application/octet-stream")
        for piece in pieces:
            self.write(piece)
            await self.flush()
        self.finish(set_content_type="application/octet-stream")


class OpenApiHandler(SpokenHandler):
    """The description of the routes."""

    @tornado.web.authenticated
    @authorized
    async def get(self) -> None:
        """Return the description, with this server's own address."""
        told = json.loads(OPENAPI.read_text(encoding="utf-8"))
        self.answer({**told, "servers": [{"url": f"{self.base_url}jupyter-mlops/api"}]})


def _texts(query: Mapping[str, list[bytes]]) -> dict[str, list[str]]:
    """Return the arguments of a query.

    The token is the server's business; a bare number is what JupyterLab adds so that nothing is
    cached.
    """
    return {
        name: [text.decode("utf-8", "replace") for text in texts]
        for name, texts in query.items()
        if name != "token" and not name.isdigit()
    }


def _problem(error: BaseException | None, status: int) -> dict[str, Any]:
    if isinstance(error, MlopsError):
        return to_problem(error)
    reason = getattr(error, "reason", None) or http.client.responses.get(status, "Unknown")
    detail = getattr(error, "log_message", None) or reason
    return {
        "type": "about:blank",
        "title": reason,
        "status": status,
        "code": f"http_{status}",
        "detail": detail if status < 500 else reason,  # noqa: PLR2004  (no inner words leak out)
        "hint": "",
    }


def _values(error: MlopsError) -> dict[str, Any]:
    return {"code": error.code, **error.values}


def _no_constant(name: str) -> float:
    raise ValueError(name)
