"""What a version is: name and purpose, features, data, parameters, environment, limits."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any, Final

from jupyter_mlops.domain.elsewhere import FORMATS, NAMED
from jupyter_mlops.locale import tell
from jupyter_mlops.papers.blocks.writing import NONE, moment, number, person, plural, short
from jupyter_mlops.papers.figures import share
from jupyter_mlops.papers.known import Known
from jupyter_mlops.papers.paper import Block, Paragraph, Table

MOST_LEVELS: Final = 12
MOST_LINES: Final = 60


def facts(key: str, rows: list[tuple[str, str]], *, title: str = "") -> Table:
    """Return a table of names and what they are."""
    return Table(key, (tell("item"), tell("value")), rows, title=title)


def about(known: Known) -> list[Block]:
    """Name the version, what it is for, who owns it, and what it answers."""
    version = known.version
    rows = [
        (tell("model and version"), version["ref"]),
        (tell("digest"), version["digest"]),
        (tell("purpose"), short(version["purpose"]) or tell("not stated")),
        (tell("owner"), short(version["owner"]) or tell("not stated")),
        (tell("organisational unit"), short(version["unit"]) or tell("not stated")),
        (tell("description"), short(version["description"]) or NONE),
        (tell("risk class"), version["risk"]),
        (tell("kind of answer"), _task(version["task"])),
        (tell("what is predicted"), short(version["target"]) or NONE),
        (tell("classes"), plural(version["classes"])),
        (tell("tags"), plural(version["tags"])),
        (tell("registered"), moment(version["created_at"])),
        (tell("registered by"), person(version["created_by"])),
    ]
    return [facts("about", rows)]


def features(known: Known) -> list[Block]:
    """List what the model reads, with the range or the categories of the training data."""
    head = (tell("feature"), tell("type"), tell("in the training data"), tell("missing"))
    rows = [
        (one["name"], _type(one["type"]), _range(one), share(one["missing"]))
        for one in known.version["features"]
    ]
    said = tell("The model reads {n} features.", n=len(rows))
    return [Paragraph(said), Table("features", head, rows, right=(3,))]


def data(known: Known) -> list[Block]:
    """Tell which rows it was trained and measured on: how many, and their digests."""
    told = _mapping(known.version["lineage"], "data")
    names = {"train": tell("training data"), "holdout": tell("holdout")}
    rows = [
        (name, f"{_mapping(told, part).get('rows', 0):,}", _mapping(told, part).get("digest", NONE))
        for part, name in names.items()
        if _mapping(told, part)
    ]
    if not rows:
        return [Paragraph(tell("The version was registered without data."), "note")]
    head = (tell("data"), tell("rows"), tell("digest"))
    note = tell(
        "A digest is that of the rows themselves: the same rows have the same one. The data stays"
        " where it was; profiles, figures and a sample of at most 10,000 rows are kept."
    )
    return [Table("data", head, rows, right=(1,)), Paragraph(note, "note")]


def parameters(known: Known) -> list[Block]:
    """Tell which estimator it is, and the parameters that it was made with."""
    told = _mapping(known.version["lineage"], "about")
    rows = [(str(name), short(value)) for name, value in _mapping(told, "parameters").items()]
    said = tell("Estimator: {name}.", name=short(told.get("estimator") or NONE))
    blocks: list[Block] = [Paragraph(said)]
    if rows:
        blocks.append(Table("parameters", (tell("parameter"), tell("value")), rows))
    return blocks


def _away(known: Known) -> list[tuple[str, str]]:
    """Tell where a model runs that is not here, and what it answered when it was registered."""
    version = known.version
    if version["format"] not in FORMATS:
        return []
    where = short(_mapping(version["lineage"], "about").get("estimator") or NONE)
    if version["format"] == NAMED:
        return [(tell("runs elsewhere, known only by name"), where)]
    probe = _mapping(version["lineage"], "probe")
    said = tell(
        "{n} rows in {ms} ms, as {protocol}",
        n=short(probe.get("rows", NONE)),
        ms=short(probe.get("ms", NONE)),
        protocol=short(probe.get("protocol", NONE)),
    )
    return [(tell("runs elsewhere, at"), where), (tell("answered when it was registered"), said)]


def environment(known: Known) -> list[Block]:
    """Tell with which software it was made, and in which form it answers."""
    lineage, compiled = known.version["lineage"], known.version["compiled"]
    git = _mapping(lineage, "git")
    dirty = tell("with changes that were not committed") if git.get("dirty") else ""
    commit = f"{git.get('commit', '')} {dirty}".strip()
    rows = [("Python", short(lineage.get("python") or NONE))]
    rows += [(str(n), short(v)) for n, v in _mapping(lineage, "packages").items()]
    rows += [
        (tell("code (git commit)"), commit or NONE),
        (tell("stored as"), known.version["format"]),
        (tell("answers as"), compiled["form"] if compiled["kept"] else known.version["format"]),
    ]
    rows += _away(known)
    if compiled["kept"]:
        said = tell(
            "{share} of {rows} rows equal, largest difference {apart}",
            share=share(compiled["agree"] or 0.0),
            rows=compiled["rows"],
            apart=number(compiled["largest_difference"]),
        )
        rows.append((tell("compiled form against the original"), said))
    size = known.details.get("footprint", {})
    if size:
        rows.append((tell("memory when loaded"), f"{number(size.get('memory_mib'))} MiB"))
        rows.append((tell("time to load"), f"{number(size.get('load_seconds'))} s"))
    return [facts("environment", rows)]


def code(known: Known) -> list[Block]:
    """Show the notebook's cell in which the version was registered."""
    lineage = known.version["lineage"]
    source = lineage.get("source")
    if not isinstance(source, str) or not source.strip():
        said = tell("The version was not registered in a notebook's cell: its code is not known.")
        return [Paragraph(said, "note")]
    lines = source.splitlines()
    more = [tell("… and {n} more", n=len(lines) - MOST_LINES)] if len(lines) > MOST_LINES else []
    return [
        Paragraph(_registered_by(lineage)),
        Paragraph("\n".join([*lines[:MOST_LINES], *more]), "code"),
    ]


def _registered_by(lineage: Mapping[str, Any]) -> str:
    """Say where the code stands that registered a version, as far as that is known."""
    notebook, script = (lineage.get(kind) for kind in ("notebook", "script"))
    where = short(PurePath(str(notebook or script or NONE)).name)
    if notebook:
        return tell("Registered in the notebook {name}, by this cell:", name=where)
    if script:
        return tell("Registered by the script {name}:", name=where)
    return tell("Registered by this code:")


def limits(known: Known) -> list[Block]:
    """Tell where it knows nothing: outside of its training data, and in what checks it failed."""
    failed = [row for row in known.checks if row["outcome"] == "failed"]
    said = [
        tell(
            "The model has seen numbers within the ranges, and categories among those, that are"
            " listed with its features; an answer outside of them is a guess."
        )
    ]
    if not known.version["metrics"]:
        said.append(tell("It was registered without a holdout: how right it is was not measured."))
    if not known.checks:
        said.append(tell("Its release checks were never run."))
    blocks: list[Block] = [Paragraph(one) for one in said]
    if failed:
        head = (tell("check"), tell("figure"), tell("because"))
        rows = [(row["title"], row["figure"] or NONE, row["because"] or NONE) for row in failed]
        blocks.append(Table("limits", head, rows, title=tell("Checks that failed")))
    return blocks


def privacy(known: Known) -> list[Block]:
    """Tell which columns are used, which are protected, and what of the data is kept where."""
    protected = known.version["protected"]
    read = [one["name"] for one in known.version["features"]]
    asked = sum(p.monitor["service"]["predictions"] for p in known.places if p.monitor)
    rows = [
        (tell("columns that the model reads"), plural(read)),
        (tell("columns named as protected"), plural(protected)),
        (
            tell("protected columns among those it reads"),
            plural([name for name in protected if name in read]),
        ),
        (tell("what is predicted of a person or case"), short(known.version["target"]) or NONE),
        (tell("predictions in the period told of"), f"{asked:,}"),
        (
            tell("what is kept of the training data"),
            tell("profiles (counts), figures, and a sample of at most 10,000 rows"),
        ),
        (
            tell("what is kept of each prediction"),
            tell("the row as it was sent, the answer, its version and time, in the prediction log"),
        ),
    ]
    return [facts("privacy", rows)]


def instructions(known: Known) -> list[Block]:
    """Show how it is asked, from a notebook and over HTTP."""
    name = known.places[0].row["name"] if known.places else "DEPLOYMENT"
    row = ", ".join(f'"{one["name"]}": …' for one in known.version["features"][:6])
    more = ", …" if len(known.version["features"]) > 6 else ""  # noqa: PLR2004  (as shown)
    lines = [
        f"answers = %mlops predict {name} new_rows",
        "",
        f"POST /deployments/{name}/predictions",
        f'{{"rows": [{{{row}{more}}}]}}',
    ]
    said = tell("Each row has these features; an answer holds the prediction and its version.")
    return [Paragraph(said), Paragraph("\n".join(lines), "code")]


def _mapping(told: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return a part of a lineage; it was told by whoever registered, and may be anything."""
    found = told.get(name)
    return found if isinstance(found, Mapping) else {}


def _task(name: str) -> str:
    words = {
        "binary": tell("one of two classes, with probabilities"),
        "multiclass": tell("one of several classes, with probabilities"),
        "regression": tell("a number"),
        "unknown": tell("not known: only a record is here"),
    }
    return words.get(name, name)


def _type(name: str) -> str:
    words = {
        "number": tell("a number"),
        "integer": tell("whole number"),
        "boolean": tell("yes or no"),
        "category": tell("category"),
    }
    return words.get(name, name)


def _range(one: Mapping[str, Any]) -> str:
    if levels := one.get("levels"):
        shown = plural(levels[:MOST_LEVELS])
        rest = len(levels) - MOST_LEVELS
        return f"{shown} {tell('… and {n} more', n=rest)}" if rest > 0 else shown
    if one.get("low") is None or one.get("high") is None:
        return NONE
    return tell("{low} to {high}", low=number(one["low"]), high=number(one["high"]))
