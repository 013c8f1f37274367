"""What a verb answers: an object to read, to look at, and to go on with."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from jupyter_mlops.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

    from jupyter_mlops.commands.words import Verb


class Answer:
    """An answer: its fields are attributes, its rows can be gone through, it shows itself."""

    def __init__(self, verb: Verb, data: Mapping[str, Any]) -> None:
        self._verb = verb
        self._data = dict(data)

    @property
    def line(self) -> str:
        """Return the one sentence that says what happened, in the reader's language."""
        from jupyter_mlops.commands.telling import sentence

        return sentence(self._verb.name, self._data)

    def to_dict(self) -> dict[str, Any]:
        """Return the answer as JSON has it; changing it changes nothing here."""
        return copy.deepcopy(self._data)

    def to_frame(self) -> pd.DataFrame:
        """Return the rows as a pandas frame; an answer without rows is one row."""
        import pandas as pd

        if "items" not in self._data:
            return pd.DataFrame([self._data])
        items = self._data["items"]
        return pd.DataFrame(items, columns=None if items else self._columns())

    def chart(self) -> alt.TopLevelMixin:
        """Return the picture of this answer.

        Raises:
            UsageError: there is no picture of such an answer.
        """
        from jupyter_mlops import charts

        picture: alt.TopLevelMixin = charts.picture(self._verb.name, self._data)
        return picture

    def _columns(self) -> list[str]:
        """Return the names of the columns that rows would have."""
        from typing import get_args, get_origin, get_type_hints

        from jupyter_mlops.domain import answers

        shape = getattr(answers, self._verb.answer, None)
        kind = get_type_hints(shape).get("items") if shape else None
        rows = get_args(kind)
        if get_origin(kind) is not list:  # one of several lists
            return []
        return list(get_type_hints(rows[0])) if rows else []

    def __getattr__(self, name: str) -> Any:
        data = self.__dict__.get("_data", {})
        if name in data:
            return data[name]
        if name.startswith("_"):
            raise AttributeError(name)
        meant = did_you_mean(name, data)
        hint = f" Did you mean {meant}?" if meant else ""
        raise AttributeError(f"This answer has no {name}.{hint}")

    def __getitem__(self, name: str | int) -> Any:
        return self._data["items"][name] if isinstance(name, int) else self._data[name]

    def __contains__(self, name: object) -> bool:
        return name in self._data

    def __iter__(self) -> Iterator[Any]:
        return iter(self._rows())

    def __len__(self) -> int:
        return len(self._rows())

    def __bool__(self) -> bool:
        return True

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Answer) and self._data == other._data

    __hash__ = None  # type: ignore[assignment]

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._data})

    def __repr__(self) -> str:
        from jupyter_mlops.commands.showing import as_text

        return as_text(self._verb.name, self._data)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        """Show the same in words and in HTML; every value is escaped."""
        from jupyter_mlops.commands.showing import as_html

        del include, exclude
        return {
            "text/plain": repr(self),
            "text/html": as_html(self._verb.name, self._data),
        }

    def _rows(self) -> list[Any]:
        if "items" in self._data:
            return list(self._data["items"])
        raise UsageError(
            "The answer of {verb} has no rows.",
            "its fields are {fields}.",
            code="answer_without_rows",
            verb=self._verb.name,
            fields=", ".join(self._data),
        )
