"""The sentence per verb: what happened, in the reader's language."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from textwrap import shorten
from typing import Any, Final

from jupyter_mlops.commands import (
    documents,
    governing,
    kept,
    private,
    proved,
    requested,
    shelf,
    signed,
    states,
)
from jupyter_mlops.commands.figures import SHAPES, count, figure, number, share, status_word
from jupyter_mlops.commands.states import DOT, bare
from jupyter_mlops.domain.health import FIRST_METRIC
from jupyter_mlops.domain.imported import RECORD
from jupyter_mlops.locale import tell

Data = Mapping[str, Any]
SHORT: Final = 60
"""Characters of what somebody wrote that stand in a sentence."""


def sentence(verb: str, data: Data) -> str:
    """Return the one line that an answer begins with."""
    return _SENTENCES.get(verb, _anything)(data)


def _overview(data: Data) -> str:
    if data["models"]:
        return str(data["headline"])
    word = "%mlops register MODEL --name NAME --train FRAME"
    return DOT.join([bare(data["headline"]), tell("next: {word}", word=word)])


def _use(data: Data) -> str:
    server = data["server"]
    parts = [tell("workspace {where}", where=data["where"])]
    if server and server["running"]:
        parts.append(tell("prediction server at {url}", url=server["url"]))
    return DOT.join(parts)


def _dashboard(data: Data) -> str:
    return tell("{name} can be seen at {url}", name=data["name"], url=data["url"])


def _register(data: Data) -> str:
    if not data["new"]:
        return tell("✓ {ref} was registered before, with these very bytes", ref=data["ref"])
    doubt = [tell("▲ see its lineage below")] if data.get("warnings") else []
    return DOT.join([tell("✓ {ref} registered", ref=data["ref"]), *_about(data), *doubt])


def _show(data: Data) -> str:
    parts = [str(data["ref"]), tell("risk {risk}", risk=data["risk"]), *_stated(data)]
    parts += _about(data)
    if data["deployments"]:
        parts.append(tell("answers for {names}", names=", ".join(data["deployments"])))
    parts += shelf.about(data)
    parts += [bare(found) for found in data.get("tried", [])]
    return DOT.join(parts)


def _stated(data: Data) -> list[str]:
    """Say what a model is for and who answers for it, also where nobody said so."""
    words = {"purpose": tell("purpose"), "owner": tell("owner"), "unit": tell("unit")}
    said = {
        name: shorten(data[name], SHORT, placeholder="…") or tell("not stated") for name in words
    }
    return [f"{word}: {said[name]}" for name, word in words.items()]


def _about(data: Data) -> list[str]:
    if data.get("format") == RECORD:
        return []
    n = len(data["features"])
    parts = [tell("{n} feature", n=n) if n == 1 else tell("{n} features", n=n)]
    first = FIRST_METRIC.get(data["task"], "")
    if found := data["metrics"].get(first):
        parts.append(figure(first, found))
    return [*parts, shelf.away(data) or _compiled(data["compiled"])]


def _compiled(told: Data) -> str:
    if told["kept"]:
        return tell("compiled, {share} equal", share=share(told["agree"]))
    return tell("served as it is")


def _models(data: Data) -> str:
    n = len(data["items"])
    if not n:
        return tell("No model matches. Type: %mlops register MODEL --name NAME --train FRAME")
    return tell("{n} model", n=n) if n == 1 else tell("{n} models", n=count(n))


def _check(data: Data) -> str:
    if data["kept"] and data["withdrawn"]:
        return tell("✓ check {name} withdrawn", name=data["ref"])
    if data["kept"]:
        return tell(
            "✓ check {name} kept as version {number}; it is tried at every request from now on",
            name=data["ref"],
            number=data["kept"],
        )
    failed = [row["title"] for row in data["items"] if row["outcome"] == "failed"]
    n = len(data["items"])
    if not failed:
        said = tell("✓ {ref} passed its release checks ({n})", ref=data["ref"], n=n)
        return DOT.join([said, *shelf.surroundings(data)])
    said = tell(
        "✗ {ref} failed {failed} of {n} release checks: {names}",
        ref=data["ref"],
        failed=len(failed),
        n=n,
        names=", ".join(failed[:3]),
    )
    return DOT.join([said, *shelf.surroundings(data)])


def _request(data: Data) -> str:
    return DOT.join(
        [
            tell(
                "✓ request {id} asks for {ref} at {deployment}",
                id=data["id"],
                ref=data["ref"],
                deployment=data["deployment"],
            ),
            *requested.needs(data),
            *requested.wished(data),
            tell("next: {word}", word=f"%mlops approve {data['id']}"),
        ]
    )


def _deploy(data: Data) -> str:
    share = float(data["share"])
    who = {"ref": data["version"], "name": data["deployment"], "share": f"{share:.3g}"}
    parts = [
        _carried_out(share, who),
        *([bare(data["because"])] if data["because"] else []),
        str(data["url"]),
        tell("took {seconds} s", seconds=number(float(data["seconds"]))),
    ]
    if data["replaced"]:
        in_place = tell("in place of {ref}", ref=data["replaced"])
        parts.append(in_place if share >= 1 else tell("beside {ref}", ref=data["replaced"]))
    return DOT.join([*parts, *shelf.surroundings(data)])


def _carried_out(share: float, who: Mapping[str, str]) -> str:
    if share >= 1:
        return tell("✓ {ref} answers for {name}", **who)
    if share > 0:
        return tell("✓ {ref} answers a share of {share} of the cases for {name}", **who)
    return tell("✓ {ref} scores in shadow for {name}", **who)


def _alerts(data: Data) -> str:
    n = len(data["items"])
    if not n:
        return tell("✓ No alert matches.")
    said = tell("{n} alert", n=n) if n == 1 else tell("{n} alerts", n=count(n))
    return DOT.join([said, tell("{open} open", open=data["open"])])


def _acknowledge(data: Data) -> str:
    return tell("✓ seen: {ids}", ids=", ".join(str(row["id"]) for row in data["items"]))


def _notify(data: Data) -> str:
    if not data["url"]:
        return tell("Nobody outside hears of alerts. Type: %mlops notify https://HOST/PATH")
    where = {"name": data["name"], "url": data["url"], "severities": ", ".join(data["severities"])}
    parts = [tell("✓ {name} at {url} hears of {severities}", **where)]
    if data.get("secret"):
        parts.append(tell("its secret, shown this once: {secret}", secret=data["secret"]))
    if "delivered" in data:
        parts.append(_arrived(data))
    return DOT.join(parts)


def _arrived(data: Data) -> str:
    if data["delivered"]:
        return tell("✓ the test arrived in {ms} ms", ms=number(float(data["ms"])))
    if data["outcome"] == "certificate":
        return tell(
            "✗ the test did not arrive: the certificate is not trusted; "
            "SSL_CERT_FILE may name a file of authorities that are"
        )
    return tell("✗ the test did not arrive: {outcome}", outcome=data["outcome"])


def _rehearsal(told: Data) -> str:
    return tell(
        "These rules would have raised {n} alerts in {windows} windows; nothing was written.",
        n=len(told["items"]),
        windows=count(told["windows"]),
    )


def _rules(data: Data) -> str:
    if "rehearsal" in data:
        return _rehearsal(data["rehearsal"])
    if data["proposal"] and data["number"]:
        return tell("These rules are proposed for {name}:", name=data["deployment"])
    if not data["number"]:
        return tell("{name} has no rules yet. Type: %%mlops rules {name}", name=data["deployment"])
    n = len(data["items"])
    return tell(
        "✓ rules {number} of {name} are in force, {n} of humility",
        number=data["number"],
        name=data["deployment"],
        n=n,
    )


def _deployments(data: Data) -> str:
    n = len(data["items"])
    unwell = sum(row["status"] in ("warning", "failing") for row in data["items"])
    if not n:
        return tell("No deployment matches. Type: %mlops deploy REF --to DEPLOYMENT")
    said = tell("{n} deployment", n=n) if n == 1 else tell("{n} deployments", n=count(n))
    return DOT.join([said, tell("{unwell} need attention", unwell=unwell)] if unwell else [said])


def _serve(data: Data) -> str:
    return tell("✓ the prediction server listens at {url}", url=data["url"])


def _stop(data: Data) -> str:
    if not data["url"]:
        return tell("No prediction server was running")
    return tell("✓ the prediction server at {url} has stopped", url=data["url"])


def _predict(data: Data) -> str:
    n = len(data["items"])
    doubtful = sum(bool(row["warnings"]) for row in data["items"])
    values = {"ref": data["version"], "name": data["deployment"]}
    said = (
        tell("✓ 1 prediction by {ref} for {name}", **values)
        if n == 1
        else tell("✓ {n} predictions by {ref} for {name}", n=count(n), **values)
    )
    warned = [tell("{n} with warnings", n=count(doubtful))] if doubtful else []
    return DOT.join([said, *warned])


def _actuals(data: Data) -> str:
    said = tell(
        "✓ {n} actuals received for {name}", n=count(data["received"]), name=data["deployment"]
    )
    parts = [said, tell("{n} belong to a prediction", n=count(data["matched"]))]
    if data["unmatched"]:
        parts.append(tell("{n} to none yet", n=count(data["unmatched"])))
    return DOT.join(parts)


def _because(data: Data) -> str:
    return str(data["because"])


def _challengers(data: Data) -> str:
    return f"{data['deployment']}: {data['because']}"


def _compare(data: Data) -> str:
    """Say what the test says, and in how much the versions differ."""
    n = len(data["changes"])
    said = tell("{n} difference", n=n) if n == 1 else tell("{n} differences", n=count(n))
    return DOT.join([bare(data["because"]), said])


def _doctor(data: Data) -> str:
    status = data["status"]
    wrong = [row["subject"] for row in data["items"] if row["status"] in ("warning", "failing")]
    said = f"{SHAPES[status]} {status_word(status)}"
    return f"{said}: {', '.join(wrong)}" if wrong else said


def _publish(data: Data) -> str:
    where = data.get("written") or data["url"]
    return tell("✓ {name} is written to {where}", name=data["name"], where=where)


def _tour(data: Data) -> str:
    return tell("✓ the tour is in {folder}: open tour.ipynb", folder=data["to"])


def _anything(data: Data) -> str:
    """Say something true of an answer that has no sentence of its own."""
    for name in ("because", "headline", "ref", "name"):
        if data.get(name):
            return f"✓ {data[name]}"
    return "✓"


_SENTENCES: Final[Mapping[str, Callable[[Data], str]]] = {
    "overview": _overview,
    "use": _use,
    "dashboard": _dashboard,
    "register": _register,
    "show": _show,
    "models": _models,
    "bundle": shelf.bundle,
    "unbundle": shelf.unbundle,
    "import_mlflow": _because,
    "tag": shelf.tag,
    "archive": shelf.archive,
    "hold": shelf.hold,
    "holds": shelf.holds,
    "aliases": shelf.aliases,
    "compare": _compare,
    "lineage": _because,
    "openlineage": _because,
    "reproduce": _because,
    "check": _check,
    "request": _request,
    "requests": requested.listed,
    "approve": requested.approved,
    "reject": requested.rejected,
    **signed.SENTENCES,
    "comment": requested.commented,
    "withdraw": requested.withdrawn,
    "deploy": _deploy,
    "promote": _deploy,
    "rollback": _deploy,
    "deployments": _deployments,
    "rules": _rules,
    "policy": governing.sentence,
    "retire": shelf.retire,
    "serve": _serve,
    "stop": _stop,
    "watch": _because,
    "predict": _predict,
    "actuals": _actuals,
    "monitor": states.monitor,
    "service": states.service,
    "drift": states.drift,
    "accuracy": states.accuracy,
    "challengers": _challengers,
    "humility": states.watched,
    "alerts": _alerts,
    "acknowledge": _acknowledge,
    "notify": _notify,
    "subject": private.subject,
    "erase": private.erase,
    "mask": private.mask,
    "masks": private.masks,
    "retention": private.retention,
    "audit": proved.sentence,
    "anchor": proved.added,
    "anchors": proved.anchors,
    "receipt": shelf.receipt,
    "backup": kept.backup,
    "restore": kept.restore,
    "doctor": _doctor,
    "plan": _because,
    "apply": _because,
    "document": documents.sentence,
    "card": documents.sentence,
    "publish": _publish,
    "tour": _tour,
}
