"""What all forms share: the line a form stands for, and a place for its answer."""

from __future__ import annotations

import html
import shlex
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from jupyter_mlops.errors import MlopsError, told
from jupyter_mlops.locale import translate

if TYPE_CHECKING:
    from ipywidgets import HTML, Output

    from jupyter_mlops.commands.words import Verb

LINE_STYLE = (
    "display:block;padding:4px 8px;border-radius:4px;font-size:12px;overflow-wrap:anywhere;"
    "background:var(--jp-layout-color2,#f3f4f6);color:var(--jp-ui-font-color1,#111827);"
    "font-family:var(--jp-code-font-family,monospace)"
)


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
