"""Pages that travel: written down once, readable anywhere, asking nothing of any network."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Literal

from jupyter_mlops.domain.answers import Page
from jupyter_mlops.domain.arguments import DeploymentName, Time, deed
from jupyter_mlops.domain.names import iso, parse_time
from jupyter_mlops.errors import Invalid, NotFound
from jupyter_mlops.locale import language
from jupyter_mlops.papers import deployment as deployments
from jupyter_mlops.papers import fleet, html
from jupyter_mlops.services.workspace import Workspace

PAGES: Final[dict[str, Callable[..., dict[str, Any]]]] = {
    "executive": fleet.executive,
    "deployment": deployments.page_of,
}


@deed(finish="papers.pages:finish")
def publish(
    ws: Workspace,
    name: str = "executive",
    deployment: DeploymentName = "",
    *,
    to: str,
    lang: Literal["en", "ja"] = "en",
    as_of: Time | None = None,
) -> Page:
    """Write a page as one self-contained HTML file: no script, no request, light and dark, printable.

    ``executive`` is about the fleet; ``deployment`` about one deployment, unless named the one most in
    need. ``to`` is a file, or a folder in which the page gets its own name. It is written where you are,
    also when the workspace is elsewhere; the audit log keeps its digest. With `as_of` it is the page that
    would have been written then.
    """
    if name not in PAGES:
        raise NotFound(
            "There is no page called {name}.",
            "The pages are {known}.",
            code="page_not_found",
            name=name,
            known=", ".join(PAGES),
        )
    if deployment and name != "deployment":
        raise Invalid(
            "The page {name} is not about one deployment.",
            "publish deployment {deployment} --to FILE.html",
            code="page_not_of_deployment",
            name=name,
            deployment=deployment,
        )
    asked = {"deployment": deployment} if deployment else {}
    now = parse_time(as_of, now=ws.clock()) if as_of else ws.clock()
    then = iso(now) if as_of else None
    with language(lang):
        text = html.document(PAGES[name](ws, now=now, as_of=then, **asked))
    with ws.act("page:publication", subject=f"page:{name}") as act:
        act.outcome = "written"
        act.after = {"digest": digest(text), "lang": lang, "to": Path(to).name}
        if then:
            act.after["as_of"] = then
    return Page(name=name, url="", html=text)


def finish(answer: Page, *, to: str, **_: object) -> Page:
    """Write the page where the person is, whole or not at all, and say where."""
    text = answer.get("html")
    if text is None:
        return answer
    target = _target(to, answer["name"])
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        replace(target, text.encode())
    except OSError as error:
        raise Invalid(
            "The page cannot be written to {to}: {reason}.",
            "Name a file in a folder that is yours: --to executive.html",
            code="page_not_writable",
            to=to,
            reason=error.strerror or error,
        ) from error
    return Page(name=answer["name"], url=target.as_uri(), written=str(target))


def digest(text: str) -> str:
    """Return the digest by which a published page can be recognised later."""
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def _target(to: str, name: str) -> Path:
    path = Path(to).expanduser().absolute()
    folder = path.is_dir() or to.endswith(("/", os.sep)) or not path.suffix
    return path / f"{name}.html" if folder else path


def replace(target: Path, data: bytes) -> None:
    """Write beside the target first, so that a reader never sees half a page."""
    handle, beside = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(beside).chmod(0o644)
        Path(beside).replace(target)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise
