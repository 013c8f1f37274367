"""A version as it answers: loaded from bytes whose digests its manifest holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jupyter_mlops.domain.limits import NONE, Limits
from jupyter_mlops.services import limits, lookup
from jupyter_mlops.services.registry import read_manifest

if TYPE_CHECKING:
    from jupyter_mlops.formats import Scorer
    from jupyter_mlops.services.workspace import Workspace


@dataclass(frozen=True)
class Loaded:
    """A version ready to answer: its scorer, and what rows have to look like."""

    ref: str
    digest: str
    task: str
    classes: list[Any]
    features: list[dict[str, Any]]
    scorer: Scorer
    form: str
    limits: Limits = NONE

    @property
    def compiled(self) -> bool:
        """Say whether it answers without the library it was made with."""
        return bool(self.form)


def load(ws: Workspace, ref: str, *, compiled: bool = True, apart: bool = False) -> Loaded:
    """Load a version for answering, from bytes whose digests its manifest holds.

    ``apart`` has what is not compiled answer from processes of its own, where it can crash.

    Raises:
        Corrupt: the manifest or the bytes are not what was registered.
        Unsafe: the bytes hold something our allow-list does not know.
    """
    from jupyter_mlops import formats
    from jupyter_mlops.formats.worker import Workers

    with ws.look() as session:
        parent, version = lookup.version(session, ref)
        manifest = read_manifest(version)
        known = limits.of_version(session, version, manifest)
    fast = manifest["compiled"] if compiled else None
    form = ""
    scorer: Scorer
    if fast:
        data = ws.artifacts.get(fast)
        form = formats.sniff(data)
        scorer = formats.load(form, data, like=manifest)
    elif apart:
        scorer = Workers(
            manifest["format"],
            ws.artifacts.get(manifest["artifact"]),
            task=manifest["task"],
            classes=manifest["classes"],
            allowed=ws.home.allowed(),
        )
    else:
        data = ws.artifacts.get(manifest["artifact"])
        scorer = formats.load(manifest["format"], data, allowed=ws.home.allowed())
    return Loaded(
        ref=f"{parent.name}:{version.number}",
        digest=version.digest,
        task=manifest["task"],
        classes=manifest["classes"],
        features=manifest["features"],
        scorer=scorer,
        form=form,
        limits=known,
    )
