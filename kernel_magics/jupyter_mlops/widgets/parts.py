"""What forms and pages share: the line a form stands for, a place for its answer, and who is heard."""

from __future__ import annotations

import html
import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from jupyter_mlops.errors import MlopsError, told
from jupyter_mlops.locale import translate

if TYPE_CHECKING:
    from ipywidgets import HTML, Output

    from jupyter_mlops.commands.session import Session
    from jupyter_mlops.commands.words import Verb

LANGUAGES: Final = (("EN", "en"), ("日本語", "ja"))
LINE_STYLE = (
    "display:block;padding:4px 8px;border-radius:4px;font-size:12px;overflow-wrap:anywhere;"
    "background:var(--jp-layout-color2,#f3f4f6);color:var(--jp-ui-font-color1,#111827);"
    "font-family:var(--jp-code-font-family,monospace)"
)


class LivePage:
    """A page that answers what its reader does, and not what it does to its own controls."""

    def __init__(self, session: Session) -> None:
        """Ask this session."""
        self.session = session
        self._hears = True

    def ask(self, verb: str, **said: Any) -> Any:
        """Return what a verb answers, as data."""
        return self.session.say(verb, said).to_dict()

    def heard(self, answer: Callable[[], None]) -> Callable[[object], None]:
        """Return what a control is observed by."""
        return lambda _: answer() if self._hears else None

    def offer(self, control: Any, options: Sequence[Any], value: Any) -> None:
        """Give a control other options and a value among them, in silence."""
        self._hears = False
        try:
            control.options = options
            control.value = value
        finally:
            self._hears = True


def typed(verb: Verb, said: Mapping[str, Any]) -> str:
    """Return the `%mlops` line that says the same as these arguments."""
    words = ["%mlops", verb.name]
    for param in verb.params:
        value = said.get(param.name)
        if value in (None, "", (), []) or value == param.default:
            continue
        text = ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
        if param.type == "boolean":
            words.append(param.option)
        elif param.positional:
            words.append(_quoted(text))
        else:
            words += [param.option, _quoted(text)]
    return " ".join(words)


def line(text: str) -> str:
    """Return a typed line as HTML that stays text."""
    return f'<code style="{LINE_STYLE}">{html.escape(text)}</code>'


def answered(output: Output, deed: Callable[[], Any]) -> None:
    """Do something and show its answer, or the one line that says why not."""
    output.outputs = ()
    try:
        answer = deed()
    except MlopsError as error:
        output.append_display_data(_markup(told(error, translate)))
        return
    if answer is not None:
        output.append_display_data(answer)


def _markup(text: str) -> HTML:
    import ipywidgets as w

    return w.HTML(f'<p role="alert">{html.escape(text)}</p>')


def _quoted(text: str) -> str:
    return shlex.quote(text)
