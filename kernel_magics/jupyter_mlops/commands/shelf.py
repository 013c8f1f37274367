"""The sentences about versions on their shelf: tagged, held, archived, bundled, retired."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from jupyter_mlops.commands.figures import count, moment
from jupyter_mlops.commands.states import DOT
from jupyter_mlops.domain.elsewhere import ADDRESS, NAMED
from jupyter_mlops.domain.imported import ORIGIN
from jupyter_mlops.locale import tell
from jupyter_mlops.services.mlflow.wording import because

Data = Mapping[str, Any]
LONGEST: Final = 200
"""Characters of an address that stand in a sentence."""


def bundle(data: Data) -> str:
    """Say where a bundle was written."""
    where = data.get("written") or data["digest"]
    parts = [tell("✓ {ref} is written to {where}", ref=data["ref"], where=where)]
    return DOT.join([*parts, tell("{n} parts", n=count(data["entries"])), str(data["digest"])[:19]])


def unbundle(data: Data) -> str:
    """Say what a bundle has become here."""
    if not data["new"]:
        return tell("✓ {ref} is this very version; it was here before", ref=data["ref"])
    found = data["lineage"]["elsewhere"]
    said = tell("✓ {ref} taken from a bundle of {was}", ref=data["ref"], was=found["ref"])
    return DOT.join([said, *about(data)])


def _elsewhere(data: Data) -> list[str]:
    """Say what was decided where a version came from, which approves nothing here."""
    found = data["lineage"].get("elsewhere")
    if not found:
        return []
    if found["workspace"] == ORIGIN:
        return _of_mlflow(found)
    n = len(found["decisions"])
    if not n:
        return [tell("nothing was decided elsewhere")]
    return [tell("{n} decided elsewhere, which approves nothing here", n=n)]


def away(data: Data) -> str:
    """Say where a model runs that is not here, and how it answered when it was registered."""
    told, probe = data["lineage"].get("about", {}), data["lineage"].get("probe", {})
    where = str(told.get("estimator", ""))[:LONGEST]
    if data["format"] == NAMED:
        return tell("runs elsewhere, known only by name: {where}", where=where)
    if data["format"] != ADDRESS:
        return ""
    said = tell("runs elsewhere, at {where}", where=where)
    if not isinstance(probe.get("ms"), int | float):
        return said
    return DOT.join([said, tell("answered {n} rows in {ms} ms", n=probe["rows"], ms=probe["ms"])])


def _of_mlflow(found: Data) -> list[str]:
    """Say what MLflow called a version, and why its model is not here, if it is not."""
    parts = [tell("{was} in MLflow, whose word is not verified", was=found["ref"])]
    said = {
        tell("stage"): found["stage"],
        tell("aliases"): ", ".join(found["aliases"]),
        tell("who"): found["registered_by"],
        tell("when"): moment(found["registered_at"]) if found["registered_at"] else "",
    }
    parts += [f"{word}: {value}" for word, value in said.items() if value]
    why = because(found["why"], found["detail"])
    return [*parts, tell("only its record is here: {because}", because=why)] if why else parts


def about(data: Data) -> list[str]:
    """Say what a version takes up and what is otherwise here; that it is held, archived, from elsewhere."""
    parts = surroundings(data)
    if found := data["footprint"]:
        size, memory = f"{found['bytes'] / 2**20:.2f}", f"{found['memory_mib']:.0f}"
        seconds = f"{found['load_seconds']:.1f}"
        parts.insert(
            0,
            tell(
                "{size} MiB stored, {memory} MiB of memory, loaded in {seconds} s",
                size=size,
                memory=memory,
                seconds=seconds,
            ),
        )
    if data["held"]:
        parts.append(tell("held: {because}", because=data["held"]))
    if data["archived"]:
        parts.append(tell("archived since {when}", when=moment(data["archived"])))
    return [*parts, *_elsewhere(data)]


def surroundings(data: Data) -> list[str]:
    """Say which libraries are here otherwise than where the version was trained."""
    if not data["environment"]:
        return []
    found = [
        f"{row['name']} {row['trained']} → {row['here'] or tell('not here')}"
        for row in data["environment"]
    ]
    return [tell("other libraries than in training: {found}", found=", ".join(found))]


def tag(data: Data) -> str:
    """Say which tags a version has now."""
    if not data["tags"]:
        return tell("✓ {ref} has no tags", ref=data["ref"])
    return tell("✓ {ref} is tagged {tags}", ref=data["ref"], tags=", ".join(data["tags"]))


def archive(data: Data) -> str:
    """Say whether a version is away or back."""
    if data["archived"]:
        return tell(
            "✓ {ref} is archived, with a bundle of all that was said of it", ref=data["ref"]
        )
    return tell("✓ {ref} is out of the archive", ref=data["ref"])


def hold(data: Data) -> str:
    """Say what is held, or is no more."""
    if data["released_at"]:
        return tell("✓ {subject} is held no more", subject=data["subject"])
    return tell("✓ {subject} is held: {because}", subject=data["subject"], because=data["because"])


def holds(data: Data) -> str:
    """Say how much is held."""
    n = sum(not row["released_at"] for row in data["items"])
    if not n:
        return tell("Nothing is held. Type: %mlops hold REF --because REASON")
    return tell("{n} hold stands", n=n) if n == 1 else tell("{n} holds stand", n=count(n))


def aliases(data: Data) -> str:
    """Say what aliases mean now."""
    now = [row for row in data["items"] if not row["until"]]
    if not data["items"]:
        return tell("No alias matches: an alias follows what a deployment serves.")
    said = [tell("{alias} is {ref}", alias=row["alias"], ref=row["ref"]) for row in now[:3]]
    return DOT.join(said) if said else tell("No alias means anything now")


def receipt(data: Data) -> str:
    """Say whether a prediction is proved, and who let its version answer."""
    mark = "✓" if data["ok"] else "✗"
    if data["erased"]:
        said = tell("{mark} erased on {at}", mark=mark, at=moment(data["erased"]))
        return DOT.join([said, data["because"]])
    said = tell("{mark} {ref} answered at {at}", mark=mark, ref=data["ref"], at=moment(data["at"]))
    return DOT.join([said, data["because"]])


def retire(data: Data) -> str:
    """Say that a deployment has ended, and who still asked."""
    said = tell("✓ {name} is retired; everything it said is kept", name=data["name"])
    calls = data["calls"]
    if not calls["requests"]:
        return said
    n, last = count(calls["requests"]), moment(calls["last"])
    return DOT.join([said, tell("asked {n} times in the last 7 days, last {last}", n=n, last=last)])
