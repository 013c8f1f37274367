"""Models and versions put straight into a store, where no test is about how they came there."""

import json

from jupyter_mlops.store import tables

AUTHOR = {"id": "a", "name": "A", "assurance": "recorded"}
DATA = "sha256:" + "ab" * 32


def model(act, name, *, versions=1, auc=0.7, tags=(), features=("age",), data=DATA, **more):
    """Put a model of some versions into a store."""
    said = {"risk": "low", "owner": "", "unit": "", "purpose": "", "description": "", **more}
    made = tables.Model(
        name=name, target="y", task="binary", classes=["0", "1"], at="2026-01-01", **said
    )
    act.session.add(made)
    act.session.flush()
    named = [{"levels": ["x"], "name": feature, "type": "number"} for feature in features]
    manifest = json.dumps({"features": named}, separators=(",", ":"), ensure_ascii=False)
    for number in range(1, versions + 1):
        found = tables.Version(
            model_id=made.id, number=number, digest=f"{name}:{number}", manifest=manifest,
            risk=said["risk"], tags=list(tags), description="", measured_by="client", compiled={},
            metrics={"roc_auc": {"value": auc - number / 100}}, author=AUTHOR,
            lineage={"data": {"train": {"digest": data}}}, at=f"2026-01-{number:02d}",
        )  # fmt: skip
        act.session.add(found)
    act.session.flush()
    return found


def carried(act, found, name, *, share=1.0):
    """Put a version into a deployment; return its request."""
    said = {"risk": "low", "manifest_digest": "", "policy_digest": "", "evidence_digest": ""}
    asked = tables.Request(
        version_id=found.id, deployment=name, role="champion", state="approved", reason="",
        evidence="", nonce=name, requester=AUTHOR, at="2026-01-01", expires_at="2027", **said,
    )  # fmt: skip
    place = tables.Deployment(name=name, model_id=found.model_id, state="live", at="2026-01-01")
    act.session.add_all([asked, place])
    act.session.flush()
    act.session.add(
        tables.Rollout(
            deployment_id=place.id,
            version_id=found.id,
            request_id=asked.id,
            action="deploy",
            role="champion",
            state="live",
            because="",
            at="2026-01-01",
            share=share,
        )
    )
    return asked
