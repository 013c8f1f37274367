"""What findings and their causes say, in the reader's language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from jupyter_mlops.domain.alerts import ALL_INPUTS, ANSWERS, shown_subject
from jupyter_mlops.locale import tell

MOST_NAMES: Final = 5

_FOUND: Final = {
    "errors": "{share} of {n} requests failed.",
    "slow": "95 % of {n} requests were answered within {p95} ms; {agreed} ms were agreed.",
    "burn": "The error budget burns {burn} times as fast as agreed, over {hours} h.",
    "distribution": "{subject} moved (PSI {psi}).",
    "missing": "{subject}: {missing} of the values are missing; it was {before}.",
    "new_levels": "{subject}: {new} of the values were never seen in training.",
    "at_once": "{n} features at once: {names}.",
    "worse": "{metric} is {value}, it was {before} on the holdout.",
    "floor": "{metric} is {value}, beyond the floor of the rules ({floor}).",
    "break_glass": "{version} answers by the word of {person} alone (break-glass): {reason}",
    "overdue": "What is live had to be approved again until {day}.",
    "policy_checks": "Policies ask for checks that the live version did not pass: {names}.",
    "policy_documents": "Policies ask for documents that are not complete: {names}.",
    "policy_protected": "Policies ask for fairness in groups where it was not measured: {names}.",
    "policy_fairness": "Policies ask for floors of fairness that the live version did not show.",
    "withdrawn": "The approval of {version} was withdrawn, and no champion before it could take over.",
    "in_doubt": "Rules of humility marked {share} of {n} answers.",
}

_CAUSE: Final = {
    "vanished": "The feature vanished upstream: whoever sends it stopped.",
    "partly_missing": "Part of what is sent lacks it: one of several sources may have changed.",
    "fills_again": "It is filled where it used to be missing: its source may have changed.",
    "new_levels": "Categories came that training did not have.",
    "out_of_range": "Values lie outside of the training range: a unit or scale may have changed.",
    "deployed": "{version} went live at that time.",
    "population": "Others ask than those the model was trained on.",
    "all_at_once": "{n} features moved at once: look at their common source first.",
    "callers": "Callers send what the model does not take ({share} of the errors).",
    "model_fails": "The model or its server fails ({share} of the errors).",
    "overload": "More is asked than the machine can carry, or something else slows it down.",
    "rows_larger": "Requests carry more rows than before.",
    "inputs_moved": "Inputs moved in the same window ({n}).",
    "meaning_changed": "Inputs are as before: what they mean for the outcome may have changed.",
    "labels_late": "Labels of {share} of the predictions have come: early ones may be of one kind.",
    "unlike_training": "Cases come that are unlike the training data.",
    "policy": "A policy asks for more than it did, or time has passed.",
    "nothing_stands": "Nothing else is approved here: request another version, or retire the place.",
    "other": "Something else: the audit log says what was done at that time.",
    "chance": "Chance: some false alarms are accepted, as the rules say.",
}


def finding(subject: str, why: str, figures: Mapping[str, Any]) -> str:
    """Return the sentence that a finding is told with."""
    return tell(_FOUND[why], **_values(subject, figures))


def cause(why: str, figures: Mapping[str, Any]) -> str:
    """Return the sentence that a likely cause is told with."""
    return tell(_CAUSE[why], **_values("", figures))


def subject(name: str) -> str:
    """Return what a finding is about, as people name it."""
    words = {
        ANSWERS: tell("the answers"),
        ALL_INPUTS: tell("several features"),
        "errors": tell("errors"),
        "latency": tell("latency"),
        "budget": tell("error budget"),
        "fired": tell("answers in doubt"),
        "review": tell("approval again"),
        "checks": tell("checks that policies ask for"),
        "documents": tell("documents that policies ask for"),
        "protected": tell("protected groups"),
        "fairness": tell("floors of fairness"),
        "withdrawn": tell("approval"),
    }
    return words.get(name, shown_subject(name))


def _values(name: str, figures: Mapping[str, Any]) -> dict[str, str]:
    names = [str(one) for one in figures.get("features") or ()]
    count = figures.get("requests", figures.get("n", len(names)))
    return {
        "subject": subject(name),
        "names": ", ".join(names[:MOST_NAMES]) + ("…" if len(names) > MOST_NAMES else ""),
        "n": f"{count or 0:,}",
        "version": str(figures.get("version", "")),
        "person": str(figures.get("person", "")),
        "reason": str(figures.get("reason", "")),
        "metric": str(figures.get("metric", "")),
        "day": str(figures.get("day", "")),
        **{key: _share(figures.get(key)) for key in ("share", "missing", "new")},
        **{key: _short(figures.get(key)) for key in _NUMBERS},
        "before": _before(figures),
    }


_NUMBERS: Final = ("psi", "p95", "agreed", "burn", "hours", "value", "floor")


def _before(figures: Mapping[str, Any]) -> str:
    told = figures.get("before")
    return _share(told) if "missing" in figures else _short(told)


def _share(told: Any) -> str:
    return "–" if told is None else f"{told:.1%}"


def _short(told: Any) -> str:
    return "–" if told is None else f"{told:.3g}"
