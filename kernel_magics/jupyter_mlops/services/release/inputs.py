"""Whether the model can be asked what callers ask: their features, gaps and new categories."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np

from jupyter_mlops.domain import elsewhere
from jupyter_mlops.errors import Invalid, Unavailable
from jupyter_mlops.formats.parity import NEW_LEVEL
from jupyter_mlops.services import trial
from jupyter_mlops.services.release.findings import Found, of_error
from jupyter_mlops.services.release.subject import Columns, Subject, is_prediction

SPOILT: Final = 5
_NUMBERS: Final = frozenset({"number", "integer"})

Array = np.ndarray[Any, Any]


def signature(subject: Subject) -> Found:
    """Compare what the version reads with what callers of the deployment send.

    What they send is taken from the newest rows of its log, else from what its champion reads.
    """
    asked = subject.asked
    if not asked.deployment:
        return Found(
            "not applicable", because="No deployment was named; `check REF --for DEPLOYMENT` does."
        )
    if found := _of_callers(subject):
        return found
    if asked.champion is None:
        return Found("not applicable", because="There is no champion to compare with.")
    return _of_champion(subject.features, asked.champion)


def _of_callers(subject: Subject) -> Found | None:
    """Try the rows that callers sent lately, if there are any."""
    from jupyter_mlops.formats.signature import Reader
    from jupyter_mlops.store.telemetry import Telemetry

    since = datetime.now(UTC) - trial.LATELY
    recorded = Telemetry(subject.home).newest(subject.asked.deployment, trial.ROWS, since=since)
    try:
        rows = trial.readable(subject.features, recorded)
        if not recorded:
            return None
        if rows:  # else each has a feature that is new, whose value the log does not hold
            subject.score(Reader(subject.features).columns(rows)[0], subject.served)
    except Invalid as error:
        if error.code == "model_failed":
            return Found(
                "failed",
                because="The version cannot answer rows that callers sent lately, it raises {kind}:"
                " train it on rows of that kind.",
                values=error.values,
            )
        if error.code != "signature_mismatch":
            return of_error(error)
        return Found(
            "failed",
            because="Callers do not send the feature {feature}, which the version needs: have them"
            " send it first, or train without it.",
            values=error.values,
        )
    return Found(
        "passed",
        figure="{n} rows of callers, {features} features",
        values={"n": len(recorded), "features": len(subject.features)},
    )


def _of_champion(features: Sequence[Mapping[str, Any]], champion: Mapping[str, Any]) -> Found:
    known = {feature["name"]: feature["type"] for feature in champion["manifest"]["features"]}
    for feature in features:
        name, type_ = feature["name"], feature["type"]
        if name not in known:
            return Found(
                "failed",
                because="The champion does not read the feature {feature}, so callers need not send"
                " it: have them send it first, or train without it.",
                values={"feature": name},
            )
        if type_ != known[name] and not {type_, known[name]} <= _NUMBERS:
            return Found(
                "failed",
                because="The feature {feature} is a {mine} here and a {other} for the champion:"
                " train on what callers send.",
                values={"feature": name, "mine": type_, "other": known[name]},
            )
    return Found(
        "passed",
        figure="{n} features, all of them the champion's too",
        values={"n": len(features)},
    )


def missing(subject: Subject) -> Found:
    """Ask rows in which one feature is missing, each feature in turn."""
    names = [feature["name"] for feature in subject.features]
    return _spoilt(
        subject,
        names,
        lambda column: (
            np.full(len(column), None, dtype=object)
            if column.dtype.kind == "O"
            else np.full(len(column), np.nan)
        ),
        figure="{answered} of {n} features may be missing, {refused} are refused",
        because="The model answers with no number where {feature} is missing: impute it in the"
        " pipeline, or let the model refuse.",
    )


def unseen(subject: Subject) -> Found:
    """Ask rows with a category that the training data did not have, each feature in turn."""
    names = [feature["name"] for feature in subject.features if feature["type"] == "category"]
    if not names:
        return Found("not applicable", because="The model reads no categories.")
    return _spoilt(
        subject,
        names,
        lambda column: np.full(len(column), NEW_LEVEL, dtype=object),
        figure="{answered} of {n} features may have a new category, {refused} are refused",
        because="The model answers with no number to a new category of {feature}: encode it with"
        " handle_unknown, or let the model refuse.",
    )


def _spoilt(
    subject: Subject,
    names: Sequence[str],
    spoil: Callable[[Array], Array],
    *,
    figure: str,
    because: str,
) -> Found:
    rows = subject.few(SPOILT)
    told = {name: _answer(subject, {**rows, name: spoil(rows[name])}) for name in names}
    count = {kind: sum(said == kind for said in told.values()) for kind in ("answered", "refused")}
    broken = next((name for name, said in told.items() if said == "broken"), None)
    return Found(
        "failed" if broken else "passed",
        figure=figure,
        because=because if broken else "",
        values={"n": len(names), **count, "feature": broken},
        detail={"refused": [name for name, said in told.items() if said == "refused"]},
    )


def _answer(subject: Subject, rows: Columns) -> str:
    """Say what becomes of rows: answered, refused, or broken, which is an answer that is none.

    A compiled form is no worse than what it was made of: what the original refuses is refused.
    """
    forms = [subject.original, *([subject.served] if subject.compiled else [])]
    for scorer in forms:
        try:
            scores = np.asarray(scorer.score(rows), dtype=np.float64)
        except MemoryError:
            raise
        except Unavailable as error:
            return "broken" if error.code == elsewhere.SENSELESS else "refused"
        except Exception:  # noqa: BLE001  (estimators refuse with whatever they like)
            return "refused"
        if not is_prediction(scores, rows, subject.manifest["classes"]):
            return "broken"
    return "answered"
