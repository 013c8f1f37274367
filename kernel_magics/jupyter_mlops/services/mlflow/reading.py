"""The first half of taking over MLflow's registry: reading it where the person is."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from jupyter_mlops.domain import imported
from jupyter_mlops.domain.arguments import Here, Prepared
from jupyter_mlops.errors import Invalid, did_you_mean
from jupyter_mlops.locale import tell
from jupyter_mlops.services.mlflow import artifacts as files
from jupyter_mlops.services.mlflow import database, folder
from jupyter_mlops.services.mlflow.told import Found

LARGEST: Final = 4 << 30
"""Bytes of all models that are brought at once."""
_SQLITE: Final = "sqlite:///"
_POSTGRES: Final = ("postgresql://", "postgresql+", "postgres://")


def prepare(
    here: Here,
    *,
    source: Any,
    artifacts: str = "",
    only: Sequence[str] = (),
    rename: Mapping[str, str] | None = None,
    dry_run: bool = False,
) -> Prepared:
    """Read the registry where the person is; no model in it is loaded but by our own allow-list."""
    found = _read(here, str(source))
    if artifacts:
        found.artifacts = _folder(artifacts)
    _choose(found, only, rename or {})
    blobs: list[bytes] = []
    for step, model in enumerate(found.models):
        here.progress(model["name"], step / len(found.models))
        for version in model["versions"]:
            data = files.opened(found.artifacts, version)
            blobs += [data] if data is not None else []
        _check_size(sum(map(len, blobs)))
    told = {
        "form": imported.FORM,
        "source": imported.text(found.source, 1000),
        "models": found.models,
        "skipped": found.skipped,
    }
    text = json.dumps(told, sort_keys=True, ensure_ascii=False)
    here.progress("read", 1.0)
    if dry_run:
        return Prepared({"source": {"told": text}})
    written = text.encode()
    return Prepared({"source": {"$blob": _digest(written)}}, (written, *blobs))


def _read(here: Here, source: str) -> Found:
    """Return what is at a place: a folder, a file of SQLite, or a database that answers."""
    if source.startswith(_POSTGRES):
        return database.read_address(source, progress=here.progress)
    if "://" in source and not source.startswith((_SQLITE, "file://")):
        raise Invalid(
            "{place} is neither a folder nor a database of MLflow's.",
            "its server is not asked: name its database, or its folder `mlruns`.",
            code="mlflow_not_found",
            place=imported.text(source, 200),
        )
    place = Path(source.removeprefix(_SQLITE).removeprefix("file://")).expanduser()
    try:
        if place.is_dir():
            return folder.read(place, progress=here.progress)
        with place.open("rb") as file:
            is_database = file.read(len(database.MAGIC)) == database.MAGIC
    except (OSError, ValueError) as error:
        raise _not_there(place, getattr(error, "strerror", "") or str(error)) from None
    if not is_database:
        raise _not_there(place, tell("it is no database of SQLite"))
    return database.read_file(place, progress=here.progress)


def _folder(artifacts: str) -> Path:
    try:
        place = Path(artifacts).expanduser().resolve()
        if place.is_dir():
            return place
    except (OSError, ValueError, RuntimeError):
        pass
    raise _not_there(Path(artifacts), tell("it is no folder"))


def _choose(found: Found, only: Sequence[str], rename: Mapping[str, str]) -> None:
    """Keep the models that were asked for, under names that are names here."""
    known = [model["was"] for model in found.models]
    for name in (*only, *rename):
        if name not in known:
            raise _unknown(name, known)
    chosen: list[dict[str, Any]] = []
    for model in found.models:
        model["name"] = rename.get(model["was"], model["name"])
        if only and model["was"] not in only:
            continue
        if why := _unfit(model, [one["name"] for one in chosen]):
            found.skip(model["was"], why)
        else:
            chosen.append(model)
    found.models = chosen
    if only:
        names = {*only}
        found.skipped = [one for one in found.skipped if one["was"].partition(":")[0] in names]


def _unfit(model: Mapping[str, Any], taken: Sequence[str]) -> str:
    if not imported.is_name(model["name"]):
        rule = tell("use 1 to 100 of A-Z a-z 0-9 . _ - and begin with a letter or digit")
        return f"{tell('its name cannot be one here')}: {rule} (--rename)"
    if model["name"] in taken:
        return tell("another model has its name (--rename)")
    return "" if model["versions"] else tell("it has no versions")


def _check_size(total: int) -> None:
    if total > LARGEST:
        raise Invalid(
            "The models are larger than {most} GB together.",
            "take some of them at a time: --only NAME,NAME.",
            code="import_too_large",
            most=LARGEST >> 30,
        )


def _digest(data: bytes) -> str:
    from jupyter_mlops.store.artifacts import digest_of

    return digest_of(data)


def _unknown(name: str, known: Sequence[str]) -> Invalid:
    meant = did_you_mean(name, known)
    return Invalid(
        "There is no model {name} in this registry.",
        "did you mean {meant}?" if meant else "it has {names}.",
        code="model_not_found",
        name=name,
        meant=meant,
        names=", ".join(known[:5]) or "—",
    )


def _not_there(place: Path, why: str) -> Invalid:
    return Invalid(
        "{place} cannot be read: {reason}.",
        "name the folder `mlruns`, or the database: sqlite:///mlflow.db.",
        code="mlflow_not_found",
        place=place,
        reason=why.rstrip("."),
    )
