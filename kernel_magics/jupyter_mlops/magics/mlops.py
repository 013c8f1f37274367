"""`%mlops` and `%%mlops`."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from IPython.core.magic import (
    Magics,
    line_cell_magic,
    magics_class,
    needs_local_scope,
    no_var_expand,
)
from traitlets import Unicode

from jupyter_mlops.errors import MlopsError, told
from jupyter_mlops.locale import translate
from jupyter_mlops.magics.expand import expanded
from jupyter_mlops.magics.record import Record

if TYPE_CHECKING:
    from jupyter_mlops.commands.parse import Line
    from jupyter_mlops.commands.session import Session
    from jupyter_mlops.magics.completion import Completer


@magics_class
class MlopsMagics(Magics):
    """Words about models, typed in a notebook."""

    workspace = Unicode("", help="The workspace that is opened when none was named.").tag(
        config=True
    )

    def __init__(self, shell: Any) -> None:
        super().__init__(shell)
        self._session: Session | None = None
        self.record = Record(shell)
        self.completer: Completer | None = None

    @no_var_expand
    @needs_local_scope
    @line_cell_magic
    def mlops(
        self, line: str, cell: str | None = None, local_ns: Mapping[str, Any] | None = None
    ) -> Any:
        """Say a word: `%mlops VERB …`; `%mlops --help` lists them, bare it shows what needs you."""
        try:
            return self._answer(line, cell, self._variables(local_ns))
        except MlopsError as error:
            raise in_one_line(error) from None

    def known(self) -> Session | None:
        """Return the session that was opened, or could be opened without making a workspace."""
        if self._session is None and self._exists():
            self._session = self._opened()
        return self._session

    def close(self) -> None:
        """Let go of the workspace."""
        if self._session:
            self._session.close()
        self._session = None

    def _variables(self, local_ns: Mapping[str, Any] | None) -> Mapping[str, Any]:
        shared: dict[str, Any] = self.shell.user_ns if self.shell else {}
        return ChainMap(dict(local_ns or {}), shared)

    def _answer(self, line: str, cell: str | None, variables: Mapping[str, Any]) -> Any:
        from jupyter_mlops.commands.live import Place
        from jupyter_mlops.commands.parse import parse
        from jupyter_mlops.commands.words import verbs

        words = expanded(line, variables)
        read = parse(words, verbs(), Place(variables, body=cell))
        if read.verb is None or read.wants_help:
            return _Page(read)
        session = self._open_for(read)
        answer = session.say(read.verb.name, read.arguments)
        return answer.to_dict() if read.wants_json else answer

    def _open_for(self, read: Line) -> Session:
        """Open the workspace at the first word; `use WHERE` opens that one and no other."""
        if self._session is None:
            named = read.arguments.get("where") if _is_use(read) else None
            self._session = self._opened(named, lazily=not _is_use(read))
        return self._session

    def _opened(self, where: str | None = None, *, lazily: bool = False) -> Session:
        from jupyter_mlops.commands.session import open_session
        from jupyter_mlops.magics.origin import origin
        from jupyter_mlops.magics.progress import Progress

        return open_session(
            where or self.workspace or None,
            mouth="kernel",
            origin=lambda: origin(self.shell, record=self.record),
            progress=Progress(),
            lazily=lazily,
        )

    def _exists(self) -> bool:
        from jupyter_mlops import config

        place = self.workspace or config.said()
        if config.is_remote(place):
            return False
        home = config.find_home(place)
        return home.is_sqlite and home.database.exists()


class _Page:
    """A manual page, shown as it is."""

    def __init__(self, read: Line) -> None:
        from jupyter_mlops.commands.manual import overall, page

        self._text = page(read.verb) if read.verb else overall("%mlops")

    def __repr__(self) -> str:
        return self._text


def in_one_line(error: MlopsError) -> MlopsError:
    """Return the error so that a notebook shows one line, in the reader's language."""
    line = told(error, translate)
    # IPython asks the exception itself how it wants to be shown.
    vars(error)["_render_traceback_"] = lambda: [line]
    return error.with_traceback(None)


def _is_use(read: Line) -> bool:
    return read.verb is not None and read.verb.name == "use"
