"""Ready-made policies by kind of organisation, each line with its source; they are read, never run."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

from jupyter_mlops.errors import NotFound, did_you_mean

CODES: Final = ("bank", "employment", "health", "insurance", "public")
_BETWEEN: Final = "\n---\n"
_NAME: Final = "# policy: "


def read(code: str) -> dict[str, str]:
    """Return the policies of a code as they are written, by the end of their names.

    Raises:
        NotFound: there is no such code.
    """
    if code not in CODES:
        meant = did_you_mean(code, CODES)
        raise NotFound(
            "There are no ready-made policies for {name}.",
            "did you mean {meant}?" if meant else "there are: {known}.",
            code="code_not_found",
            name=code,
            meant=meant,
            known=", ".join(CODES),
        )
    text = files("jupyter_mlops.services.codes").joinpath(f"{code}.yaml").read_text("utf-8")
    return dict(map(_part, text.split(_BETWEEN)[1:]))


def _part(text: str) -> tuple[str, str]:
    first, _, rest = text.strip().partition("\n")
    return first.removeprefix(_NAME).strip(), rest + "\n"
