"""When a version may go live, and when a deployment may end."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from hashlib import blake2b
from typing import Final

from jupyter_mlops.errors import Conflict, Invalid, Refused

ROLLOUT_SECONDS: Final = 60.0
WHOLE: Final = 1.0
"""The share of a champion; a canary's is below it."""
MOST_CHALLENGERS: Final = 3


def check_open(deployment: str, *, state: str) -> None:
    """Raise when a deployment is retired."""
    if state == "retired":
        raise Conflict(
            "{deployment} is retired; its name stays with its history.",
            "deploy to another name.",
            code="deployment_retired",
            deployment=deployment,
        )


def check_may_begin(
    deployment: str, *, state: str, loading: str | None, trying: str | None = None
) -> None:
    """Raise when a deployment is retired or another change of it is on its way.

    Raises:
        Conflict: with what stands in the way.
    """
    check_open(deployment, state=state)
    if loading is not None:
        raise Conflict(
            "{ref} is on its way into {deployment}.",
            "wait for it; `deployments` shows when it is live.",
            code="rollout_under_way",
            deployment=deployment,
            ref=loading,
        )
    if trying is not None:
        raise Conflict(
            "{ref} is being tried out at {deployment}.",
            "`promote {deployment}` makes it the champion, `rollback {deployment}` takes it back.",
            code="canary_under_way",
            deployment=deployment,
            ref=trying,
        )


def check_share(share: float) -> None:
    """Raise unless a share is above 0 and at most 1."""
    if not 0 < share <= WHOLE:
        raise Invalid(
            "A share is above 0 and at most 1, not {share}.",
            "`--share 0.1` gives a tenth of the traffic; `rollback` takes a canary back.",
            code="share_invalid",
            share=share,
        )


def check_gate(role: str, gate: str, share: float | None) -> None:
    """Raise when a role, a gate and a share do not go together.

    Raises:
        Invalid: with the word that does.
    """
    if share is not None:
        check_share(share)
    if role == "challenger":
        if share is not None or gate not in ("auto", "shadow"):
            raise Invalid(
                "A challenger answers nobody: it has no share, and no gate but the shadow.",
                "leave --gate and --share out, or leave out --role challenger.",
                code="gate_invalid",
            )
    elif share is not None and gate != "auto" and (gate == "canary") != (share < WHOLE):
        raise Invalid(
            "The gate {gate} does not go with a share of {share}.",
            "say one of --gate and --share.",
            code="gate_invalid",
            gate=gate,
            share=share,
        )


def check_may_challenge(deployment: str, beside: Sequence[str], ref: str, *, live: bool) -> None:
    """Raise when nothing is live to challenge, or a challenger would be one too many.

    Raises:
        Refused: nothing is live there.
        Conflict: it challenges already, or as many as may do.
    """
    if not live:
        raise Refused(
            "Nothing is live at {deployment} that could be challenged.",
            "a first release takes everything: leave --role out.",
            code="nothing_live",
            deployment=deployment,
        )
    if ref in beside:
        raise Conflict(
            "{ref} is a challenger of {deployment} already.",
            "`challengers {deployment}` shows how it does.",
            code="challenges_already",
            deployment=deployment,
            ref=ref,
        )
    if len(beside) >= MOST_CHALLENGERS:
        raise Conflict(
            "{deployment} has {n} challengers, as many as it may: {refs}.",
            "`rollback {deployment} --ref REF` takes one back.",
            code="challengers_too_many",
            deployment=deployment,
            n=len(beside),
            refs=", ".join(beside),
        )


def check_may_share(deployment: str, share: float, *, has_champion: bool) -> None:
    """Raise when there is nobody to share the traffic with."""
    if share < WHOLE and not has_champion:
        raise Refused(
            "Nothing is live at {deployment} that a canary could share the traffic with.",
            "a first release takes everything: leave --share out.",
            code="nothing_live",
            deployment=deployment,
        )


def is_tried_on(case: str, share: float) -> bool:
    """Say whether a case belongs to the canary; the same case always does, at any larger share too.

    >>> share_of_cases = sum(is_tried_on(str(case), 0.1) for case in range(10_000)) / 10_000
    >>> round(share_of_cases, 2)
    0.1
    """
    drawn = blake2b(case.encode("utf-8", "surrogatepass"), digest_size=4).digest()
    return int.from_bytes(drawn, "big") < share * 2**32


def check_may_retire(deployment: str, *, state: str) -> None:
    """Raise when a deployment has been retired already."""
    if state == "retired":
        raise Conflict(
            "{deployment} is retired already.",
            "`deployments` lists what is live.",
            code="deployment_retired",
            deployment=deployment,
        )


def champion_before(
    history: Sequence[tuple[int, bool]], withdrawn: Collection[int] = ()
) -> int | None:
    """Return the version that a rollback leads to, or None where there is nothing before.

    ``history`` holds version and "was live" of each rollout, oldest first; the last that was live
    is the champion. One step back from a version is what was live before it *first* went live, so
    that going back twice goes back two steps, and never forth. What was ``withdrawn`` is passed over.

    >>> champion_before([(1, True), (2, True), (3, True)])
    2
    >>> champion_before([(1, True), (2, True), (3, True)], withdrawn={2})
    1
    >>> champion_before([(1, True), (2, True), (1, True)]) is None
    True
    """
    lived = [version for version, was_live in history if was_live]
    if not lived:
        return None
    earlier = reversed(lived[: lived.index(lived[-1])])
    return next((version for version in earlier if version not in withdrawn), None)
