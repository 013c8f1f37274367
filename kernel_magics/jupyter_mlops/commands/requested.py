"""A request in words: how it stands, what speaks for it, and what was said and decided, in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from jupyter_mlops.commands.figures import count, figure, moment, number, state_word
from jupyter_mlops.commands.states import DOT, bare
from jupyter_mlops.commands.tables import Cell, Table, table_of
from jupyter_mlops.locale import tell

Data = Mapping[str, Any]
INDENT: Final = "    "
SHORT: Final = 19
"""Characters of a digest that are shown: its kind and enough to compare by eye."""


def one(data: Data) -> Data | None:
    """Return the request that is shown in full, if one is."""
    if "id" in data:
        return data
    return data["items"][0] if "request" in data else None


def sentence(data: Data) -> str:
    """Say which request it is and how it stands."""
    parts = [tell("request {id}", id=data["id"]) + f": {data['ref']} → {data['deployment']}"]
    if data["state"] == "changes asked":
        people = ", ".join(data["changes_by"])
        parts.append(tell("changes are asked for by {people}", people=people))
    else:
        parts.append(state_word(data["state"]))
    if data["state"] == "open":
        parts.append(bare(data["needs"]))
    return DOT.join([*parts, *wished(data)])


def wished(data: Data) -> list[str]:
    """Say that a request is carried out by itself, where it waits and whoever made it wished so."""
    waits = data["state"] in ("open", "changes asked")
    return [tell("carried out at once when approved")] if data["apply"] and waits else []


def commented(data: Data) -> str:
    """Say what a comment has done."""
    last = data["comments"][-1]["kind"]
    said = {
        "changes": tell("✓ changes of request {id} are asked for", id=data["id"]),
        "settled": tell("✓ you ask for no changes of request {id} any more", id=data["id"]),
    }.get(last, tell("✓ said of request {id}", id=data["id"]))
    return DOT.join([said, state_word(data["state"])])


def withdrawn(data: Data) -> str:
    """Say what was taken back, and what became of what was carried out by it."""
    word = {
        "withdrawn": tell("✓ request {id} is withdrawn", id=data["id"]),
        "void": tell("✓ the approval of request {id} is withdrawn", id=data["id"]),
    }
    said = word.get(
        data["state"], tell("✓ your decision on request {id} is withdrawn", id=data["id"])
    )
    return DOT.join([said, *because(data)])


def because(data: Data) -> list[str]:
    """Say what came of what was just done, if anything did."""
    return [bare(data["because"])] if data.get("because") else []


def tables(data: Data) -> list[Table]:
    """Return the checks and the other evidence of one request, or the list of several."""
    asked = one(data)
    if asked is None:
        listed = table_of("requests", data)
        return [listed] if listed else []
    checks = table_of("request", asked)
    return [*([checks] if checks else []), *_evidence(asked["evidence"], asked["ref"])]


def lines(data: Data) -> list[str]:
    """Return what is new to the reader, and everything that was said and decided, in order."""
    asked = one(data)
    if asked is None:
        return []
    told: list[str] = []
    if asked["since_you_looked"]:
        told += [tell("Since your last word about {name}:", name=asked["deployment"])]
        told += [f"{INDENT}{said}" for said in asked["since_you_looked"]]
    if asked["reason"]:
        told += _said(
            asked["requested_at"], _who(asked["requested_by"]), tell("asked"), asked["reason"]
        )
    for said in spoken(asked):
        told += _said(said["at"], _who(said["by"]), word(said), said["text"])
    return told


def spoken(asked: Data) -> list[Data]:
    """Return comments and decisions in the order in which they were said."""
    decided = [
        {**found, "kind": found["outcome"], "text": found["comment"]}
        for found in asked["decisions"]
    ]
    return sorted([*decided, *asked["comments"]], key=lambda said: said["at"])


def word(said: Data) -> str:
    """Return what somebody did by saying something."""
    words = {
        "approved": tell("approved"),
        "rejected": tell("rejected"),
        "break-glass": tell("carried out alone (break-glass)"),
        "comment": tell("said"),
        "changes": tell("asked for changes"),
        "settled": tell("asked for changes no more"),
        "withdrawal": tell("withdrew"),
    }
    told = words.get(said["kind"], str(said["kind"]))
    if at := said.get("withdrawn_at"):
        return f"{told} ({tell('withdrawn at {at}', at=moment(at))})"
    return told


def _who(person: Data) -> str:
    label = f" ({person['label']})" if person["label"] else ""
    return f"{person['id']}{label}"


def _said(at: str, who: str, did: str, text: str) -> list[str]:
    return [f"{moment(at)} · {who} · {did}", *(f"{INDENT}{line}" for line in text.splitlines())]


def _evidence(found: Data, ref: str) -> list[Table]:
    rows = [*_contest(found["contest"], ref), *map(_fair, found["fairness"]), *_digests(found)]
    if not rows:
        return []
    cells = [[Cell(what), Cell(value)] for what, value in rows]
    return [Table([tell("evidence"), tell("value")], cells)]


def _contest(contest: Data | None, ref: str) -> Sequence[tuple[str, str]]:
    if contest is None:
        return []
    metric, name = contest["metric"], tell("against the champion")
    sides = ((ref, contest["version"]), (contest["ref"], contest["champion"]))
    told = [(f"{name}: {side}", figure(metric, found)) for side, found in sides if found]
    where = (
        tell("on the same rows") if contest["measured"] == "same rows" else tell("as registered")
    )
    verdicts = {
        "better": tell("better"),
        "worse": tell("worse"),
        "not proven": tell("no difference is proven"),
    }
    verdict = [verdicts[contest["verdict"]]] if contest["verdict"] in verdicts else []
    n = contest["differences"]
    more = tell("{n} difference", n=n) if n == 1 else tell("{n} differences", n=n)
    return [*told, (name, DOT.join([*verdict, where, more]))]


def _fair(found: Data) -> tuple[str, str]:
    where = f"{found['attribute']} = {found['group']}"
    return tell("fairness"), f"{where}: {found['measure']} {number(found['ratio'])}"


def _digests(found: Data) -> list[tuple[str, str]]:
    named = {
        tell("model card"): found["card"],
        tell("document"): found["document"],
        tell("where it comes from"): found["lineage"],
    }
    return [(what, digest[:SHORT]) for what, digest in named.items() if digest]


def listed(data: Data) -> str:
    """Say how many requests there are, or how the one that is shown stands."""
    if found := one(data):
        return sentence(found)
    n = len(data["items"])
    waiting = sum(row["state"] == "open" for row in data["items"])
    if not n:
        return tell("No request matches. Type: %mlops request REF --for DEPLOYMENT")
    if n == 1:
        return tell("1 request, {waiting} open", waiting=waiting)
    return tell("{n} requests, {waiting} open", n=count(n), waiting=waiting)


def approved(data: Data) -> str:
    """Say what an approval has come to."""
    if data.get("because"):
        said = tell("✓ request {id} approved", id=data["id"])
        return DOT.join([said, *_labels(data), *because(data)])
    if data["state"] != "approved":
        said = tell("✓ your decision on request {id} is kept", id=data["id"])
        return DOT.join([said, *needs(data)])
    said = tell("✓ request {id} approved", id=data["id"])
    role = "" if data["role"] == "champion" else f" --role {data['role']}"
    word = f"%mlops deploy {data['ref']} --to {data['deployment']}{role}"
    return DOT.join([said, *_labels(data), tell("next: {word}", word=word)])


def rejected(data: Data) -> str:
    """Say that a request is closed."""
    said = tell("✓ request {id} rejected", id=data["id"])
    return DOT.join([said, *_labels(data)])


def needs(data: Data) -> list[str]:
    """Say what a request still asks for."""
    return [bare(data["needs"])] if data["needs"] else []


def _labels(data: Data) -> list[str]:
    return [str(decision["by"]["label"]) for decision in data["decisions"][-1:]]
