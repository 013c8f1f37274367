"""One form for every verb: its fields are the verb's arguments, its button says the verb."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from jupyter_mlops.commands.words import verbs
from jupyter_mlops.domain.references import is_word
from jupyter_mlops.errors import UsageError, did_you_mean
from jupyter_mlops.locale import tell, translate
from jupyter_mlops.widgets import parts

if TYPE_CHECKING:
    from ipywidgets import Widget

    from jupyter_mlops.commands.session import Session
    from jupyter_mlops.commands.words import Param

WIDE = {"width": "100%", "max_width": "560px"}


class Form:
    """A form, and the line it stands for, always in step."""

    def __init__(self, verb: str, session: Session | None, preset: Mapping[str, Any]) -> None:
        """Make one field for each argument of the verb."""
        import ipywidgets as w

        known = verbs()
        if verb not in known:
            raise UsageError(
                "{verb} is not a word of ours.",
                "Did you mean {meant}?",
                code="verb_unknown",
                verb=verb,
                meant=did_you_mean(verb, known) or "overview",
            )
        self.verb = known[verb]
        self.session = session or opened()
        self.fields = {p.name: _field(p, preset.get(p.name)) for p in self.verb.params}
        self.line = w.HTML()
        self.output = w.Output()
        self.button = w.Button(description=self.verb.name, button_style="primary")
        self.button.on_click(lambda _: parts.answered(self.output, self.say))
        for field in self.fields.values():
            field.observe(lambda _: self.show(), "value")
        title = w.HTML(f"<p>{html.escape(translate(self.verb.summary))}</p>")
        self.box = w.VBox([title, *self.fields.values(), self.line, self.button, self.output])
        self.show()

    @property
    def said(self) -> dict[str, Any]:
        """Return what the fields hold, without those that were left alone."""
        return {
            param.name: value
            for param in self.verb.params
            if (value := _value(param, self.fields[param.name].value)) is not None
        }

    def show(self) -> None:
        """Write the line that the fields stand for."""
        self.line.value = parts.line(parts.typed(self.verb, self.said))

    def say(self) -> Any:
        """Say the verb with what the fields hold; live arguments are variables of the notebook."""
        said = dict(self.said)
        for param in self.verb.params:
            if param.live and param.name in said and not _is_word(param, said[param.name]):
                said[param.name] = variable(said[param.name])
        return getattr(self.session, self.verb.name)(**said)


def opened() -> Session:
    """Return the session that the notebook uses."""
    from jupyter_mlops.commands.session import open_session

    return open_session(mouth="kernel")


def variable(name: str) -> Any:
    """Return a variable of the notebook.

    Raises:
        UsageError: there is none of that name.
    """
    from IPython import get_ipython

    shell = get_ipython()
    space = shell.user_ns if shell else {}
    if name in space:
        return space[name]
    known = [other for other in space if not other.startswith("_")]
    raise UsageError(
        "There is no variable {name} in this notebook.",
        "Did you mean {meant}?",
        code="variable_unknown",
        name=name,
        meant=did_you_mean(name, known) or "…",
    )


def _is_word(param: Param, said: Any) -> bool:
    """Say whether a field names no variable, but what is compared with."""
    from IPython import get_ipython

    shell = get_ipython()
    return param.kind == "reference" and (
        is_word(said) or said not in (shell.user_ns if shell else {})
    )


def _field(param: Param, preset: Any) -> Widget:
    import ipywidgets as w

    value = param.default if preset is None else preset
    common = {
        "description": param.shown.lstrip("-").lower(),
        "layout": WIDE,
        "style": {"description_width": "120px"},
    }
    if param.type == "boolean":
        return w.Checkbox(value=bool(value), **common)
    if param.choices:
        chosen = value if value in param.choices else param.choices[0]
        return w.Dropdown(options=param.choices, value=chosen, **common)
    hint = tell("a variable of this notebook") if param.live else ""
    text = ",".join(map(str, value)) if isinstance(value, list | tuple) else value
    return w.Text(value="" if text is None else str(text), placeholder=hint, **common)


def _value(param: Param, held: Any) -> Any:
    """Return what a field holds in the type of its argument; None when it was left alone."""
    if isinstance(held, bool):
        return held or None
    text = str(held).strip()
    if not text:
        return None
    if param.type == "integer":
        return int(text) if text.isdigit() else text
    if param.type == "array":
        return [part.strip() for part in text.split(",") if part.strip()]
    return text
