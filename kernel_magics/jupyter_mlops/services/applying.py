"""Carrying an approved change out at once, where whoever asked for it wished so."""

from __future__ import annotations

from jupyter_mlops.domain.answers import Request as RequestAnswer
from jupyter_mlops.domain.deployments import WHOLE
from jupyter_mlops.errors import MlopsError
from jupyter_mlops.locale import tell
from jupyter_mlops.services import deployments
from jupyter_mlops.services.workspace import Workspace


def applied(ws: Workspace, told: RequestAnswer) -> RequestAnswer:
    """Deploy what was just approved, and say what came of it; a failure leaves the approval as it is."""
    where = {"ref": told["ref"], "deployment": told["deployment"]}
    reason = f"request {told['id']}: to be carried out once approved, as was wished"
    try:
        rolled = deployments.deploy(
            ws, told["ref"], to=told["deployment"], role=told["role"] or "champion", reason=reason
        )
    except MlopsError as error:
        with ws.act("request:application", subject=f"request:{told['id']}", reason=reason) as act:
            act.outcome = "failed"
            act.after = {"code": error.code, "message": error.message, **where}
        because = tell(
            "It was to be carried out at once, which failed: {because} The approval stands.",
            because=error.message,
        )
        return {**told, "because": because}
    because = (
        tell("{ref} was carried out to {deployment} at once, as was wished.", **where)
        if rolled["share"] >= WHOLE
        else tell("{ref} is tried out at {deployment} from now on, as was wished.", **where)
    )
    return {**told, "state": "carried out", "because": because}
