"""The one line of what is watched: how it is, and what else there is to say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from jupyter_mlops.commands.figures import SHAPES, moment, status_word
from jupyter_mlops.locale import tell

Data = Mapping[str, Any]
DOT: Final = " · "


def bare(text: str) -> str:
    """Return a sentence without its full stop, to stand among others on one line."""
    return text.rstrip(".。")


def state(data: Data) -> str:
    """Say how a deployment is: shape, name, word, and the sentence that explains it."""
    status = data["status"]
    return f"{SHAPES[status]} {data['deployment']} {status_word(status)}: {data['because']}"


def watched(data: Data) -> str:
    """Say how it is, and which batches are shown where it is cut by batch."""
    return _more(data, [])


def accuracy(data: Data) -> str:
    """Say how right it was, and from which whole hours on: those at the ends count with all they have."""
    if not data["n"]:
        return _more(data, [])
    ends = {name: moment(data[name]) for name in ("since", "until")}
    return _more(data, [tell("counted in whole hours, {since} to {until}", **ends)])


def service(data: Data) -> str:
    """Say how it is, and what is left of what the objectives allow."""
    return _more(data, [one["because"] for one in data.get("budgets", [])])


def monitor(data: Data) -> str:
    """Say how it is, and what is unusual though nothing may be wrong."""
    unusual = [data["unusual"]] if "unusual" in data else []
    cut = {"batches": data["service"]["batches"]} if "batches" in data["service"] else {}
    return _more({**data, **cut}, unusual)


def drift(data: Data) -> str:
    """Say how it is, which rows those are, and what somebody asked about them."""
    told = {"rows": data.get("rows", ""), "reference": data["reference"]}
    held = [tell("{rows}, against {reference}", **told)] if "rows" in data else []
    asked = [data[name]["because"] for name in ("together", "explained", "weighed") if name in data]
    return _more(data, [*held, *asked])


def _more(data: Data, said: Sequence[str]) -> str:
    """Say how it is, what else there is to say, and which batches the periods are."""
    cut = [data["batches"]["because"]] if "batches" in data else []
    more = [bare(text) for text in (*said, *cut)]
    return DOT.join([bare(state(data)), *more]) if more else state(data)
