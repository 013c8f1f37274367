"""Models that run elsewhere: what is known of one, and what may be done with it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from jupyter_mlops.domain import webhooks
from jupyter_mlops.domain.imported import check_more_than_record
from jupyter_mlops.errors import Invalid, Refused, Unavailable, Unsafe

ADDRESS: Final = "address"
NAMED: Final = "named"
STATUS: Final = "elsewhere_status"
REDIRECTS: Final = range(300, 400)
INSIDE: Final = "its address is inside, where the owner of the workspace has not allowed it"
SENSELESS: Final = "elsewhere_output_invalid"
FORMATS: Final = frozenset({ADDRESS, NAMED})
BEGINNING: Final = b'{"form":"elsewhere/1"'
LONGEST: Final = 500
LARGEST: Final = 4 << 20

Protocol = Literal["rows", "tensors", ""]

_TYPES: Final = ("number", "integer", "boolean", "category")
_TASKS: Final = ("binary", "multiclass", "regression")


@dataclass(frozen=True)
class Elsewhere:
    """A model that is not here: the address it answers at, or only the words for where it runs."""

    task: str
    classes: list[Any]
    features: list[dict[str, str]]
    """Name and type of each feature, in the order they are sent."""
    url: str = ""
    protocol: Protocol = ""
    token_from: str = ""
    place: str = ""

    @property
    def format(self) -> str:
        """Return the name of this format."""
        return ADDRESS if self.url else NAMED

    def written(self) -> bytes:
        """Return it as the bytes that are kept; the same model gives the same bytes."""
        told = asdict(self)
        text = json.dumps(told, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
        return BEGINNING + b"," + text[1:].encode()


def sniff(data: bytes) -> str:
    """Say which of the two formats these bytes are, or ``unknown``."""
    try:
        return read(data).format
    except Unsafe:
        return "unknown"


def read(data: bytes) -> Elsewhere:
    """Return what the bytes say of a model, after checking every word of it.

    Raises:
        Unsafe: they are not what we write.
    """
    try:
        if not data.startswith(BEGINNING) or len(data) > LARGEST:
            raise shapeless()
        told = json.loads(data)
        del told["form"]
        found = Elsewhere(**told)
        _check(found)
        if found.written() != data:
            raise shapeless()
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, Invalid):
        raise shapeless() from None
    return found


def _check(found: Elsewhere) -> None:
    texts = [found.url, found.protocol, found.token_from, found.place]
    texts += [value for feature in found.features for value in feature.values()]
    is_sound = (
        all(isinstance(text, str) for text in texts)
        and all(feature.keys() == {"name", "type"} for feature in found.features)
        and all(feature["type"] in _TYPES for feature in found.features)
        and found.task in _TASKS
        and isinstance(found.classes, list)
        and all(type(one) in (str, int, bool, float) for one in found.classes)
        and bool(found.url) != bool(found.place)
        and bool(found.url) == (found.protocol in ("rows", "tensors"))
    )
    if not is_sound:
        raise shapeless()
    check_classes(found.task, found.classes)
    if found.url:
        read_url(found.url)


def read_url(url: str) -> webhooks.Target:
    """Return the parts of an address that a model is asked at.

    Raises:
        Invalid: it is none, or holds what may be a secret.
    """
    try:
        target = webhooks.read_url(url)
    except Invalid as error:
        raise _wrong(error.values.get("why", "it cannot be read")) from None
    if "?" in url or "#" in url:
        raise _wrong("what follows ? or # may be a secret, and would be kept")
    return target


def is_address(model: object) -> bool:
    """Say whether somebody means an address, and not a file."""
    return isinstance(model, str) and model.lower().startswith(("http://", "https://"))


def token(url: str, name: str, environ: Mapping[str, str]) -> str:
    """Return the token for an address, from the variable that holds both.

    Because the variable says for which address it is, nobody can have it sent to another by
    registering a model.

    Raises:
        Invalid: there is no such variable, or it is not for this address.
    """
    origin = read_url(url).origin
    place, _, secret = environ.get(name, "").partition(" ")
    secret = secret.strip()
    if place.rstrip("/") == origin and secret and secret.isascii() and secret.isprintable():
        return secret
    raise Invalid(
        "The environment variable {name} holds no token for {origin}.",
        "set it where models are asked, here and where the server starts: {name}='{origin} TOKEN'.",
        code="token_missing",
        name=name,
        origin=origin,
    )


def check_classes(task: str, classes: Sequence[Any]) -> None:
    """Raise unless there are as many classes as the task has, each once."""
    names = [str(one) for one in classes]
    wanted = {"regression": len(names) == 0, "binary": len(names) == 2}  # noqa: PLR2004
    if wanted.get(task, len(names) > 2) and len(set(names)) == len(names):  # noqa: PLR2004
        return
    raise Invalid(
        "A {task} model has other classes than {classes}.",
        "say them: --task binary --classes NO,YES; a regression has none.",
        code="classes_invalid",
        task=task,
        classes=", ".join(names[:5]) or "none",
    )


def check_here(options: Mapping[str, Any]) -> None:
    """Raise when something is said of a model that is here which only one elsewhere needs."""
    for name in ("token_from", "task", "classes"):
        if options.get(name):
            raise Invalid(
                "{option} is for models that run elsewhere; this one tells by itself.",
                "leave it out.",
                code="not_elsewhere",
                option="--" + name.replace("_", "-"),
            )


def check_may_answer(ref: str, format: str) -> None:
    """Raise when a version is a record or known only by name, so that nothing here can ask it."""
    check_more_than_record(ref, format)
    if format != NAMED:
        return
    raise Refused(
        "{ref} is known only by name: nothing here can ask it, so that it cannot be deployed.",
        "register the address it answers at: register https://HOST/PATH --name NAME --train FRAME.",
        code="known_by_name",
        ref=ref,
    )


def known_by_name() -> Invalid:
    """Return the error of asking a model that is known only by name."""
    return Invalid(
        "It runs elsewhere and is known only by name: nothing here can ask it.",
        "register the address it answers at: register https://HOST/PATH --name NAME.",
        code="known_by_name",
    )


def silent(why: str) -> Unavailable:
    """Return the error of a model elsewhere that does not answer as it should."""
    return Unavailable(
        "The model that runs elsewhere gives no answer: {why}.",
        "try again later, or ask those who run it.",
        code="elsewhere_unavailable",
        why=why,
    )


def senseless(why: str) -> Unavailable:
    """Return the error of a model elsewhere whose answer is no prediction."""
    error = silent(why)
    error.code = SENSELESS
    return error


def unfit(status: int) -> Unavailable:
    """Return the error of a status that is neither an answer nor about the rows."""
    is_redirect = status in REDIRECTS
    error = silent(f"it {'leads to another address' if is_redirect else 'fails'} (status {status})")
    error.code = STATUS
    return error


def is_chances(rows: Sequence[Sequence[float]]) -> bool:
    """Say whether these are finite probabilities that add up to one in each row."""
    return all(
        all(math.isfinite(one) and -TOLERANCE <= one <= 1 + TOLERANCE for one in row)
        and abs(sum(row) - 1) <= TOLERANCE
        for row in rows
    )


TOLERANCE: Final = 1e-3


def _wrong(why: str) -> Invalid:
    return Invalid(
        "This is no address of a model: {why}.",
        "it is typed: register https://HOST/PATH --name NAME --train FRAME --token-from VARIABLE.",
        code="address_invalid",
        why=why,
    )


def shapeless() -> Unsafe:
    """Return the error of bytes that are not what we write of a model elsewhere."""
    return Unsafe(
        "These bytes do not tell of a model that runs elsewhere.",
        "register the model by its address or by name: what is kept is written there.",
        code="unsafe_format",
    )
