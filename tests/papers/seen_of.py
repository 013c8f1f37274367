"""A session that answers about one deployment, ill or well, known or not, with hostile names or not."""

import numpy as np

from charts import fleets
from jupyter_mlops.services.drawn import points
from jupyter_mlops.stats.scores import scores
from papers.pages_of import AUDIT, Answered

NAME = "churn-prod"
CAUSES = [
    {
        "why": "population",
        "likelihood": 0.7,
        "because": "Others ask than those the model was trained on.",
        "next": [f"%mlops drift {NAME}"],
    }
]


class Watched:
    """Answers reading verbs about one deployment from samples, and remembers what was asked."""

    def __init__(self, *, status="failing", features=fleets.FEATURES, alerts=1, **changed):
        self.status, self.features, self.raised = status, features, alerts
        self.changed = changed
        self.asked = []

    def say(self, verb, said):
        """Say a verb."""
        self.asked.append((verb, said))
        return Answered(getattr(self, verb)(**said))

    def __call__(self, verb, **said):
        """Say a verb, as gathering does."""
        return self.say(verb, said).to_dict()

    def deployments(self):
        """Answer as the verb does."""
        rows = fleets.FLEETS["seven"]["deployments"]
        kept = [row | {"status": self.status} for row in rows if row["name"] == NAME]
        return {"items": self.changed.get("rows", kept)}

    def monitor(self, deployment, since, by, segment):
        """Answer as the verb does."""
        if "error" in self.changed:
            raise self.changed["error"]
        found = fleets.monitor(deployment, status=self.status)
        moved = 2 if self.status == "failing" else 0
        drift = fleets.drift(deployment, status=self.status, features=self.features, moved=moved)
        periods = [{"start": s, "end": e, "n": 0 if i == 3 else 400} for i, s, e in fleets.days(14)]
        drift["periods"] = periods
        drift["heat"] = [_warmth(item) for item in drift["items"]]
        for point in found["service"]["series"]:
            point |= {"requests": 1000, "errors": 20, "refused": 1}
        found["accuracy"]["curves"] = _curves()
        found |= {"drift": drift, "since": periods[0]["start"], "until": periods[-1]["end"]}
        for part, told in self.changed.items():
            found[part] = found[part] | told
        return found

    def alerts(self, deployment, state):
        """Answer as the verb does."""
        start = fleets.NOW.isoformat()
        alert = {
            "id": 7, "deployment": deployment, "part": "drift", "subject": self.features[0],
            "severity": "critical", "state": "open", "since": start, "opened_at": start,
            "because": f"{self.features[0]} moved (PSI 0.60).", "causes": CAUSES,
            "next": f"%mlops drift {NAME}", "acknowledged_by": "", "comment": "",
        }  # fmt: skip
        return {"items": [alert] * self.raised, "open": self.raised}

    def audit(self, query, limit):
        """Answer as the verb does."""
        at = next(end for i, _, end in fleets.days(14) if i == 2)
        subject = f"deployment:{NAME}"
        changed = {"at": at, "action": "rules:change:done", "subject": subject}
        other = changed | {"subject": f"deployment:{NAME}-2"}
        refused = changed | {"action": "rules:change:refused"}
        return AUDIT | {"items": [changed, other, refused]}


def _warmth(item):
    psi = [
        None if i == 3 else (item["psi"] or 0.0) * (1.0 if i > 10 else 0.4 if i == 10 else 0.1)
        for i in range(14)
    ]
    return {"feature": item["feature"], "psi": psi}


def _curves():
    rng = np.random.default_rng(7)
    score = rng.beta(2, 3, 4_000)
    return points(scores(rng.random(4_000) < score, score), ("stays", "</td><b>leaves"))
