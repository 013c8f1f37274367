"""Say the words to a Jupyter server or a team server: bytes first, then JSON."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urlsplit, urlunsplit

from jupyter_mlops.commands.problem import TYPE, from_problem
from jupyter_mlops.commands.words import Verb
from jupyter_mlops.errors import MlopsError, Refused, Unavailable, UsageError
from jupyter_mlops.locale import current_language

if TYPE_CHECKING:
    import httpx

CONNECT_SECONDS: Final = 10.0
ANSWER_SECONDS: Final = 600.0
TOKENS: Final = ("JUPYTER_MLOPS_TOKEN", "JUPYTER_TOKEN")
MOUTH: Final = "Jupyter-Mlops-Mouth"
_PAGES: Final = ("/lab", "/tree", "/notebooks", "/voila")


class Remote:
    """The door to a workspace behind an address."""

    is_remote = True

    def __init__(self, address: str, *, mouth: str = "python") -> None:
        import httpx

        self._base, token = split_address(address)
        headers = {MOUTH: mouth, "Accept-Language": current_language()}
        if token:
            headers["Authorization"] = f"token {token}"
        self._client = httpx.Client(
            base_url=f"{self._base}/jupyter-mlops/api/",
            headers=headers,
            timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
            transport=httpx.HTTPTransport(retries=2),
        )

    @property
    def where(self) -> str:
        """Return the address without its token."""
        return self._base

    def allowed(self) -> frozenset[str]:
        """Return none: from afar nobody's places inside are known."""
        return frozenset()

    def put(self, data: bytes) -> None:
        """Send bytes ahead, named by their digest; sending them twice changes nothing."""
        self._ask("PUT", f"blobs/{hashlib.sha256(data).hexdigest()}", content=data)

    def fetch(self, digest: str) -> Iterator[bytes]:
        """Return the bytes of a file that an answer names by its digest, piece by piece."""
        import httpx

        path = f"blobs/{digest.removeprefix('sha256:')}"
        language = {"Accept-Language": current_language()}
        try:
            with self._client.stream("GET", path, headers=language) as answer:
                if not answer.is_success:
                    answer.read()
                    raise _refusal(answer, self._base)
                yield from answer.iter_bytes(1 << 20)
        except httpx.HTTPError as error:
            raise _silent(self._base, error) from None

    def do(self, verb: Verb, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Say the verb, and return its answer.

        Raises:
            UsageError: the verb is said where the workspace is, not from afar.
        """
        if verb.said == "here":
            raise said_elsewhere(verb.name)
        if verb.is_posted(arguments):
            answer = self._ask("POST", verb.name, json=_sendable(verb, arguments))
        else:
            answer = self._ask("GET", verb.name, params=_query(arguments))
        return dict(_told(answer, self._base))

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    def _ask(self, how: str, path: str, **content: Any) -> httpx.Response:
        import httpx

        language = {"Accept-Language": current_language()}
        try:
            answer = self._client.request(how, path, headers=language, **content)
        except httpx.HTTPError as error:
            raise _silent(self._base, error) from None
        if answer.is_success:
            return answer
        raise _refusal(answer, self._base)


def said_elsewhere(verb: str) -> UsageError:
    """Return the error of a verb that was said from afar and is not."""
    return UsageError(
        "{verb} is said on the machine of the workspace, not from afar.",
        "open a workspace on this machine first: use FOLDER.",
        code="said_elsewhere",
        verb=verb,
    )


def split_address(address: str) -> tuple[str, str]:
    """Return the base address of a server and the token for it, from the address or beside it."""
    parts = urlsplit(address)
    said = parse_qs(parts.query).get("token", [""])[0]
    path = parts.path.rstrip("/")
    for page in _PAGES:
        path = path.partition(f"{page}/")[0].removesuffix(page)
    known = next((os.environ[name] for name in TOKENS if os.environ.get(name)), "")
    return urlunsplit((parts.scheme, parts.netloc, path, "", "")), said or known


def _query(arguments: Mapping[str, Any]) -> dict[str, Any]:
    told = {name: value for name, value in arguments.items() if value is not None}
    return {
        name: str(value).lower() if isinstance(value, bool) else value
        for name, value in told.items()
    }


def _sendable(verb: Verb, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments as JSON; what was prepared here is JSON already."""
    told = {name: value for name, value in arguments.items() if value is not None}
    try:
        json.dumps(told, allow_nan=False)
    except (TypeError, ValueError):
        raise UsageError(
            "An argument of {verb} cannot be sent to a server.",
            "send numbers, text and lists of them; none may be infinite or NaN.",
            code="argument_unsendable",
            verb=verb.name,
        ) from None
    return told


def _told(answer: httpx.Response, base: str) -> Any:
    try:
        return answer.json()
    except ValueError:
        raise _stranger(base) from None


def _refusal(answer: httpx.Response, base: str) -> MlopsError:
    told = answer.json() if answer.headers.get("Content-Type", "").startswith(TYPE) else {}
    if told and told.get("type") != "about:blank":
        return from_problem(told)
    if answer.status_code in (401, 403) or answer.is_redirect:
        return Refused(
            "The server at {address} does not let you in.",
            "name its token: {address}/?token=…, or set JUPYTER_MLOPS_TOKEN.",
            code="token_refused",
            address=base,
        )
    return from_problem(told) if told else _stranger(base)


def _stranger(base: str) -> Unavailable:
    return Unavailable(
        "The server at {address} does not speak jupyter-mlops.",
        "install jupyter-mlops in that server's environment and start it again.",
        code="server_strange",
        address=base,
    )


def _silent(base: str, error: Exception) -> Unavailable:
    return Unavailable(
        "The server at {address} does not answer ({because}).",
        "check the address, and that the server runs.",
        code="server_silent",
        address=base,
        because=type(error).__name__,
    )
