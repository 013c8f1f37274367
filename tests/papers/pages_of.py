"""Facts for pages, made from the sample fleets: what gathering would have found."""

from __future__ import annotations

from charts import fleets
from jupyter_mlops.errors import NotFound
from jupyter_mlops.papers.facts import SHOWN, Facts, Week, starts

AUDIT = {"items": [], "ok": True, "events": 1284, "first_bad": None, "because": "", "anchors": []}


def facts(name, *, days=30, audit=AUDIT):
    """Return the facts of a sample fleet, in which the ill have been ill for three weeks."""
    seen = fleets.FLEETS[name]
    rows = seen["deployments"]
    services = {
        row["name"]: fleets.service(row["name"], count=84, seed=i, per_day=row["predictions"] // 30)
        for i, row in enumerate(rows)
    }
    weeks = {row["name"]: history(row) for row in rows[:SHOWN]}
    return Facts(
        workspace=seen["workspace"],
        now=fleets.NOW,
        days=days,
        rows=rows,
        requests=seen["requests"],
        audit=audit,
        services=services,
        weeks=weeks,
    )


def history(row):
    """Return twelve weeks that end in the row's own status."""
    found = []
    for i, start in enumerate(starts(fleets.NOW)):
        status = row["status"] if i > 8 else "passing"
        monitor = fleets.monitor(row["name"], status=status)
        value = 0.91 - (0.022 * (i - 8) if status == "failing" else 0.002 * (i % 3))
        reach = 0.012 + 0.01 * max(0, i - 9)
        metrics = {"accuracy": {"value": value, "low": value - reach, "high": value + reach}}
        labelled = 0.5 if i == 11 else 0.95
        monitor["accuracy"] |= {"metrics": metrics, "labelled": labelled, "n": 400 - 20 * (i % 4)}
        found.append(Week(start, monitor["service"]["predictions"], status, monitor))
    return found


class Recorded:
    """A session that answers reading verbs from a sample fleet, and remembers what was asked."""

    def __init__(self, name):
        self.seen = fleets.FLEETS[name]
        self.asked = []

    def say(self, verb, said):
        """Say a verb."""
        self.asked.append((verb, said))
        return Answered(getattr(self, verb)(**said))

    def __call__(self, verb, **said):
        """Say a verb, as gathering does."""
        return self.say(verb, said).to_dict()

    def overview(self):
        """Answer as the verb does."""
        return self.seen

    def audit(self, **_):
        """Answer as the verb does."""
        return AUDIT

    def service(self, deployment, since, until, by):
        """Answer as the verb does."""
        return fleets.service(deployment, count=84)

    def monitor(self, deployment, since, until, by):
        """Answer as the verb does."""
        if deployment == "mail-sort":
            raise NotFound("Nothing serves {name}.", code="not_serving", name=deployment)
        status = next(r["status"] for r in self.seen["deployments"] if r["name"] == deployment)
        return fleets.monitor(deployment, status=status)


class Answered:
    """An answer as a session gives it."""

    def __init__(self, data):
        self.data = data

    def to_dict(self):
        """Return the answer as JSON."""
        return self.data
