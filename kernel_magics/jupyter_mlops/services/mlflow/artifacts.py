"""What a version's files hold that can be opened here: a model in skops, and never a pickle."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

from jupyter_mlops.domain.imported import Why, text
from jupyter_mlops.errors import MlopsError
from jupyter_mlops.locale import tell
from jupyter_mlops.services.mlflow import folder

if TYPE_CHECKING:
    from jupyter_mlops.formats import Packed

DESCRIBED: Final = "MLmodel"
LARGEST: Final = 1 << 30
"""Bytes of a model."""
FEWEST_PARTS: Final = 3
"""Parts of an address that have to be found again below a folder, such as `0/RUN/artifacts`."""
_LOCAL: Final = ("", "file", "mlflow-artifacts")
_TYPES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("double", "float"), "number"),
    **dict.fromkeys(("long", "integer"), "integer"),
    "boolean": "boolean",
    "string": "category",
}


class Closed(Exception):
    """The files hold no model that can be opened here, and why."""

    def __init__(self, why: Why, detail: str = "") -> None:
        super().__init__(why)
        self.why, self.detail = why, detail


def opened(root: Path | None, version: dict[str, Any]) -> bytes | None:
    """Put into a version what its files hold, and return its model as bytes if it has one.

    What is said of it when there is none stands in ``why`` and ``detail``.
    """
    address = version.pop("address")
    try:
        model, data = _model(root, address, version)
    except Closed as error:
        version["why"], version["detail"] = error.why, text(error.detail, 1000)
        return None
    version["why"], version["model"] = "", model
    return data


def located(root: Path, address: str) -> Path | None:
    """Return the folder below ``root`` that an address means, also after all of it was moved.

    The longest end of the address that is found below the folder counts; no part may lead upwards.
    """
    parts = [part for part in PurePosixPath(_path(address)).parts if part != "/"]
    if ".." in parts or "\0" in address:
        return None
    for start in range(max(0, len(parts) - FEWEST_PARTS + 1)):
        place = root.joinpath(*parts[start:])
        try:
            if place.is_dir() and folder.inside(root, place):
                return place
        except OSError:
            continue
    return None


def _path(address: str) -> str:
    try:
        told = urlsplit(address)
    except ValueError:
        return ""
    return unquote(told.path) if told.scheme in _LOCAL else ""


def _model(
    root: Path | None, address: str, version: dict[str, Any]
) -> tuple[dict[str, Any], bytes]:
    if not _path(address):
        raise Closed("away" if "://" in address else "absent", version["source"])
    place = located(root, address) if root else None
    if root is None or place is None:
        raise Closed("absent", version["source"])
    described = _described(root, place)
    version["flavors"] = [text(name, 100) for name in described["flavors"]][:20]
    run = version["run"]
    if run and described.get("run_id") not in (None, "", run["id"]):
        raise Closed("foreign")
    name = _file(described["flavors"])
    return _packed(_bytes(root, place / name), described)


def _described(root: Path, place: Path) -> dict[Any, Any]:
    try:
        found = folder.yaml(root, place / DESCRIBED)
    except folder.Unreadable as error:
        raise Closed("unreadable", str(error)) from None
    if not isinstance(found.get("flavors"), dict):
        raise Closed("unreadable", tell("{name} names no flavor", name=DESCRIBED))
    return found


def _file(flavors: Mapping[Any, Any]) -> str:
    """Return the name of the one file that holds a model in skops."""
    sklearn = flavors.get("sklearn")
    if not isinstance(sklearn, dict):
        raise Closed("kind", ", ".join(str(name) for name in flavors if name != "python_function"))
    name = sklearn.get("pickled_model")
    if sklearn.get("serialization_format") != "skops":
        raise Closed("pickle")
    if not isinstance(name, str) or name != PurePosixPath(name).name or "\0" in name:
        raise Closed("unreadable", tell("{name} names no file", name=DESCRIBED))
    return name


def _bytes(root: Path, path: Path) -> bytes:
    from jupyter_mlops import formats

    try:
        if not (path.is_file() and folder.inside(root, path)):
            raise Closed("absent", path.name)
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise Closed("unreadable", error.strerror or "") from None
    if len(data) > LARGEST:
        raise Closed("unreadable", tell("{name} is too large", name=path.name))
    if formats.sniff(data) != "skops":
        raise Closed("pickle")
    return data


def _packed(data: bytes, described: Mapping[Any, Any]) -> tuple[dict[str, Any], bytes]:
    """Pack anew what our own allow-list lets through; what the file itself allows counts for nothing."""
    from jupyter_mlops import formats

    try:
        packed = formats.pack(data)
    except MlopsError as error:
        raise Closed("refused", tell(error.template, **error.values)) from None
    return {
        "$blob": _digest(packed.data),
        "task": packed.task,
        "classes": packed.classes or [],
        "features": _features(packed, _inputs(described)),
        "requirements": packed.requirements,
        "about": packed.about,
    }, packed.data


def _features(packed: Packed, inputs: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return what the model reads: the names it knows itself, the types that MLflow's signature says."""
    names: Sequence[str] = packed.feature_names or list(inputs)
    if not names:
        raise Closed("features")
    return [
        {"name": name, "type": inputs.get(name, "number"), "missing": 0.0}
        for name in map(str, names)
    ]


def _inputs(described: Mapping[Any, Any]) -> dict[str, str]:
    """Return the types of named columns that a signature tells of; others have no place here."""
    signature = described.get("signature")
    try:
        rows = json.loads(signature["inputs"]) if isinstance(signature, dict) else []
        return {str(row["name"]): _TYPES[row["type"]] for row in rows}
    except (KeyError, TypeError, ValueError, RecursionError):
        return {}


def _digest(data: bytes) -> str:
    from jupyter_mlops.store.artifacts import digest_of

    return digest_of(data)
