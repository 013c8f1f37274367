"""Registering models that run elsewhere: one at an address is asked there and then, one by name believed."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from jupyter_mlops.domain import elsewhere as rules
from jupyter_mlops.domain import kinds
from jupyter_mlops.domain.arguments import Here, Prepared
from jupyter_mlops.domain.elsewhere import Elsewhere
from jupyter_mlops.domain.names import iso
from jupyter_mlops.errors import Invalid, MlopsError, UsageError
from jupyter_mlops.services import origins, packing

if TYPE_CHECKING:
    from jupyter_mlops.formats.address import Asker, Said
    from jupyter_mlops.formats.asking import Reply
    from jupyter_mlops.services.workspace import Workspace

PROBED: Final = 5
"""Rows that a model is asked first, to see whether it is one."""
AGAIN: Final = 3
MOST: Final = 2_000
"""Rows of the frames that a model at an address is asked; drawn where there are more."""
SECONDS: Final = 120.0
"""How long all asking of a registration may take together."""
_REFUSED: Final = "rows_refused"
_ANOTHER_WAY: Final = (rules.SENSELESS, rules.STATUS, _REFUSED)
"""What may be otherwise when it is asked in another way."""
_ITS_FAULT: Final = (*_ANOTHER_WAY, "elsewhere_unavailable")

Columns = packing.Columns


def prepare(here: Here, model: Any, options: Mapping[str, Any]) -> Prepared:
    """Describe a model that runs elsewhere, and ask it where it can be asked.

    Raises:
        UsageError: nobody said which model is meant, or two ways at once.
        Invalid: it does not answer as a model does, or too little is known of it.
    """
    place = str(options.get("elsewhere") or "")
    if place and model is not None:
        raise _said_twice()
    if not place and model is None:
        raise _no_model()
    data = packing.given(options)
    packing.check_frames(data, data.others)
    features = packing.described(data.known, data.others)
    lineage = origins.lineage(here.origin(), options, data.frames)
    if place:
        found = _named(place, features, data, options)
        return packing.measured_on(here, data, _candidate(found, None, features), lineage)
    here.progress("asking", 0.3)
    data = _drawn(data)
    asker, probe = _probed(here, model, features, data, options)
    told = {**lineage, "probe": probe}
    with _telling(model):
        return packing.measured_on(here, data, _candidate(asker.model, asker, features), told)


def check(ws: Workspace, model: Any) -> None:
    """Raise unless what a session tells of a model elsewhere is what its bytes say, and allowed here.

    Raises:
        Unsafe: bytes and words differ.
        Invalid: nothing was told, or the address is inside.
    """
    if not isinstance(model, Mapping):
        raise _no_model()
    if model.get("format") not in rules.FORMATS:
        return
    found = rules.read(ws.artifacts.get(str(model.get("$blob"))))
    features = [{"name": one["name"], "type": one["type"]} for one in model["features"]]
    if (found.task, found.classes, found.features) != (model["task"], model["classes"], features):
        raise rules.shapeless()
    if found.url:
        _check_reachable(ws, found.url)


def _check_reachable(ws: Workspace, url: str) -> None:
    """Raise when an address is inside, as far as its name tells today."""
    from jupyter_mlops.formats import reaching

    target = rules.read_url(url)
    try:
        reaching.addresses(target, ws.home.allowed())
    except reaching.Blocked:
        raise _unanswered(url, "its address is inside", inside=True) from None
    except OSError:
        raise _unanswered(url, "its host cannot be found") from None


def _candidate(
    found: Elsewhere, asker: Asker | None, features: list[dict[str, Any]]
) -> packing.Candidate:
    from jupyter_mlops.formats import Packed
    from jupyter_mlops.formats.parity import Parity

    packed = Packed(
        format=found.format,
        data=found.written(),
        task=found.task,  # type: ignore[arg-type]
        classes=found.classes or None,
        feature_names=[one["name"] for one in features],
        requirements={},
        about={"estimator": found.url or found.place},
    )
    return packing.Candidate(packed, asker, features, None, Parity.none("elsewhere").to_dict())


def _named(
    place: str,
    features: Sequence[Mapping[str, Any]],
    data: packing.Given,
    options: Mapping[str, Any],
) -> Elsewhere:
    """Return what is known of a model that nothing here can ask."""
    if options.get("token_from"):
        raise Invalid(
            "A model that is known only by name is not asked, and needs no token.",
            "leave --token-from out, or register the address it answers at.",
            code="not_elsewhere",
        )
    if len(place) > rules.LONGEST or not place.strip():
        raise Invalid(
            "Where a model runs is told in 1 to {most} characters.",
            'for example --elsewhere "core banking, Frankfurt".',
            code="place_invalid",
            most=rules.LONGEST,
        )
    labels = _labels(data)
    task, classes = kinds.told(options, labels)
    return Elsewhere(task, classes, _sent(features), place=place)


def _probed(
    here: Here,
    url: str,
    features: Sequence[Mapping[str, Any]],
    data: packing.Given,
    options: Mapping[str, Any],
) -> tuple[Asker, dict[str, Any]]:
    """Ask a model some rows, in each way that is known, until it answers; return what asks it further."""
    from jupyter_mlops.formats.address import Asker

    rules.read_url(url)
    if data.known is None:
        raise Invalid(
            "A model at an address is asked rows when it is registered, and there are none.",
            "name the training data, or some rows like them: --train FRAME.",
            code="frame_missing",
        )
    names = [one["name"] for one in features]
    rows = {name: data.known[name][:PROBED] for name in names}
    until = time.monotonic() + SECONDS
    failed: list[MlopsError] = []
    for protocol in ("tensors", "rows") if url.endswith("/infer") else ("rows", "tensors"):
        asked = Elsewhere(
            "regression", [], _sent(features), url, protocol, str(options.get("token_from") or "")
        )
        try:
            said, _ = _asked(Asker(asked, allowed=here.allowed(), until=until), rows)
        except MlopsError as error:
            failed.append(error)
            if error.code not in _ANOTHER_WAY:
                break
            continue
        task, classes = kinds.told(options, _labels(data), said.predictions, _named_by(said))
        found = dataclasses.replace(asked, task=task, classes=classes)
        asker = Asker(found, allowed=here.allowed(), until=until)
        return asker, _probe(asker, rows)
    with _telling(url):
        raise failed[0]


def _asked(asker: Asker, rows: Columns) -> tuple[Said, Reply]:
    from jupyter_mlops.formats.address import Refusing

    try:
        return asker.asked(rows)
    except Refusing as error:
        raise Invalid(
            "it refuses the rows ({why})",
            code=_REFUSED,
            why=f"it refuses the rows (status {error})",
        ) from None


def _probe(asker: Asker, rows: Columns) -> dict[str, Any]:
    """Ask again, and return what was found: how long it takes, in which form, and that it is whole."""
    from datetime import UTC, datetime

    with _telling(asker.model.url):
        replies = [_asked(asker, rows)[1] for _ in range(AGAIN)]
        shape = list(asker.score(rows).shape)
    return {
        "status": replies[-1].status,
        "protocol": asker.model.protocol,
        "token_from": asker.model.token_from,
        "ms": sorted(reply.ms for reply in replies)[AGAIN // 2],
        "rows": len(next(iter(rows.values()), ())),
        "shape": shape,
        "classes": "agree" if asker.classes else "none",
        "at": iso(datetime.now(UTC)),
    }


@contextlib.contextmanager
def _telling(url: str) -> Iterator[None]:
    """Tell of what a model does not answer as that of its address."""
    from jupyter_mlops.formats.address import Refusing

    try:
        yield
    except Refusing as error:
        raise _unanswered(url, f"it refuses the rows (status {error})") from None
    except MlopsError as error:
        if error.code not in _ITS_FAULT:
            raise
        why = str(error.values["why"])
        raise _unanswered(url, why, inside=why == rules.INSIDE) from None


def _named_by(said: Said) -> list[str] | None:
    """Return the classes that came with probabilities: none where they have no names."""
    return None if said.chances is None else said.classes or []


def _labels(data: packing.Given) -> list[Any] | None:
    """Return the classes that the target shows; none when it holds numbers, None without a target."""
    target, found = data.roles.target, []
    if not target:
        return None
    for columns in data.frames.values():
        if columns is not None:
            found += columns[target].tolist()
    return kinds.classes_in(found)


def _sent(features: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    return [{"name": one["name"], "type": one["type"]} for one in features]


def _drawn(data: packing.Given) -> packing.Given:
    """Return the frames with as many rows as an address is asked at most; training data stay whole."""
    holdout = _part(data.holdout) if data.holdout is not None else None
    train = data.train
    asked = _part(train) if holdout is None and train is not None else None
    return dataclasses.replace(data, holdout=holdout, asked=asked)


def _part(columns: Columns) -> Columns:
    import numpy as np

    count = len(next(iter(columns.values()), ()))
    if count <= MOST:
        return columns
    drawn = np.sort(np.random.default_rng(0).permutation(count)[:MOST])
    return {name: values[drawn] for name, values in columns.items()}


def _unanswered(url: str, why: str, *, inside: bool = False) -> Invalid:
    target = rules.read_url(url)
    return Invalid(
        "{url} does not answer as a model does: {why}.",
        "the owner of the workspace allows it with a line {place} in webhook-allowed.txt of its folder."
        if inside
        else 'it is asked POST {{"rows": […]}}, or by the Open Inference Protocol v2:'
        " docs/elsewhere.md shows both.",
        code="probe_failed",
        url=url,
        why=why,
        place=target.place,
    )


def _no_model() -> UsageError:
    return UsageError(
        "{verb} needs {missing}.",
        "name a fitted model, a file, the address it answers at, or --elsewhere WHERE it runs.",
        code="argument_missing",
        verb="register",
        missing="MODEL",
    )


def _said_twice() -> UsageError:
    return UsageError(
        "--elsewhere is for a model that is known only by name; here is one.",
        "leave the model out, or leave --elsewhere out.",
        code="said_twice",
    )
