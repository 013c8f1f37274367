"""Looking every hour at twenty features raises no more false alarms than the rules accept."""

import numpy as np
import pytest

from jupyter_mlops.domain.alerts import Finding, Looked, follow
from jupyter_mlops.domain.monitoring import FEATURE, Monitoring, Watched
from jupyter_mlops.stats.drift import compare, findings
from jupyter_mlops.stats.profile import Profile, bins, profile

SLACK = 3.3
"""Standard errors that a simulated count may lie above what is accepted."""


class Month:
    """Twenty features that never move, profiled over the bins of a reference of their own."""

    def __init__(self, watched, seed, *, numbers=4):
        self.random = np.random.default_rng(seed)
        self.watched = watched
        self.shares, self.frozen = {}, {}
        for at in range(20):
            if at < numbers:
                values = self.random.normal(size=2_000)
                self.frozen[f"f{at}"] = profile(values, bins(values))
            else:
                share = self.random.dirichlet(np.full(3 + at % 6, 5.0))
                values = self.random.choice([f"v{i}" for i in range(len(share))], 2_000, p=share)
                self.frozen[f"f{at}"] = profile(values, bins(values, kind="category"))
                self.shares[f"f{at}"] = share

    def now(self, name, rows):
        """Return the profile of an hour: counts that are drawn, as rows of the same kind have them."""
        before = self.frozen[name]
        if name not in self.shares:
            return profile(self.random.normal(size=rows), before.bins)
        drawn = self.random.multinomial(rows, self.shares[name])
        at = {level: place for place, level in enumerate(before.bins.levels)}
        counts = [0] * len(before.counts)
        for place, count in enumerate(drawn.tolist()):
            counts[at[f"v{place}"]] += count
        return Profile(before.bins, tuple(counts))

    def alarms(self, hours, rows):
        """Look at each hour as the watcher does; return the alerts that were opened."""
        standing, opened = {}, 0
        for hour in range(hours):
            told = findings(
                {name: compare(self.frozen[name], self.now(name, rows)) for name in self.frozen},
                **Watched(self.watched, self.watched.windows, self.watched.allowed).knobs,
            )
            found = tuple(
                Finding("drift", FEATURE + name, one.status, one.why)
                for name, one in told.items()
                if one.finding == "drifted"
            )
            judged = frozenset(("drift", FEATURE + name) for name in told)
            looked = Looked(f"{hour:04}", f"{hour + 1:04}", found, judged)
            for change in list(follow(standing, looked, self.watched)):
                opened += change.does == "open"
                standing[change.standing.key] = change.standing
                if change.does == "resolve":
                    del standing[change.standing.key]
        return opened


def test_a_quiet_month_of_hours_has_no_more_alerts_than_are_accepted():
    found = Month(Monitoring(psi=(0.0, 0.25)), seed=11, numbers=2).alarms(720, 100)
    assert found <= 1 + SLACK


@pytest.mark.parametrize("seed", [1, 2])
def test_the_level_follows_from_what_is_accepted(seed):
    """Thirty are accepted in a month, a third of them of the inputs: three in ten days."""
    watched = Monitoring(false_alarms=30.0, psi=(0.0, 0.25))
    accepted = 30 / 3 * 240 / 720
    found = Month(watched, seed, numbers=2).alarms(240, 200)
    assert found <= accepted + SLACK * np.sqrt(accepted)


def test_looking_at_every_hour_as_if_it_were_the_only_one_would_raise_many():
    """What this is for: the same hours at five percent each, which is what peers do."""
    hasty = Monitoring(false_alarms=1000.0, psi=(0.0, 0.25))
    assert Month(hasty, 1, numbers=2).alarms(240, 200) > 8
