"""Do what was said in this process."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_mlops.commands.words import Verb

if TYPE_CHECKING:
    from jupyter_mlops.services.workspace import Workspace


class Local:
    """The door to a workspace on this machine."""

    is_remote = False

    def __init__(self, ws: Workspace) -> None:
        self.ws = ws

    @property
    def where(self) -> str:
        """Return what opens this workspace again."""
        home = self.ws.home
        return str(home.folder) if home.is_sqlite else home.shown

    def allowed(self) -> frozenset[str]:
        """Return the places inside that the owner of the workspace allows."""
        return self.ws.home.allowed()

    def put(self, data: bytes) -> None:
        """Keep bytes that an argument points to."""
        self.ws.artifacts.put(data)

    def fetch(self, digest: str) -> Iterator[bytes]:
        """Return the bytes of a file that an answer names by its digest, piece by piece."""
        from jupyter_mlops.services.export.writing import pieces

        return pieces(self.ws, digest)

    def do(self, verb: Verb, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Call the function behind the verb with arguments that are JSON."""
        tuples = {param.name for param in verb.params if param.type == "array"}
        told = {
            name: tuple(value) if name in tuples and value is not None else value
            for name, value in arguments.items()
        }
        return dict(function_of(verb)(self.ws, **told))

    def claiming(self, claims: Mapping[str, str]) -> Local:
        """Return the same door for somebody else, as far as they can be told apart."""
        from jupyter_mlops.domain.access import the_one_person

        return Local(dataclasses.replace(self.ws, actor=the_one_person(claims)))

    def close(self) -> None:
        """Let go of the database."""
        self.ws.engine.dispose()


def open_local(
    where: str | Path | None,
    *,
    mouth: str = "python",
    claims: Mapping[str, str] | None = None,
    origin: Callable[[], dict[str, Any]] | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> Local:
    """Open a workspace on this machine; the services are loaded here, not before."""
    from jupyter_mlops.services import workspace

    return Local(
        workspace.open_local(where, mouth=mouth, claims=claims, origin=origin, progress=progress)
    )


def function_of(verb: Verb) -> Callable[..., Any]:
    """Return the function behind a verb."""
    function: Callable[..., Any] = getattr(importlib.import_module(verb.module), verb.function)
    return function


def half(name: str) -> Callable[..., Any]:
    """Return the half of a verb that ``module:function``, below this package, names."""
    module, _, function = name.partition(":")
    found: Callable[..., Any] = getattr(
        importlib.import_module(f"jupyter_mlops.{module}"), function
    )
    return found
