"""Evidence that may be looked at as often as one likes."""

import numpy as np

from jupyter_mlops.stats.sequential import excess


def test_looking_after_every_event_cries_wolf_in_fewer_than_one_of_a_hundred():
    rng = np.random.default_rng(20261124)
    false = 0
    for _ in range(500):
        hits = np.cumsum(rng.random(400) < 0.1)
        false += any(excess(int(k), n + 1 - int(k), 0.1) >= 100 for n, k in enumerate(hits))
    assert false <= 8


def test_what_is_twice_as_frequent_is_seen():
    rng = np.random.default_rng(7)
    seen = sum(excess(int(k), 1000 - int(k), 0.1) >= 100 for k in rng.binomial(1000, 0.2, 100))
    assert seen >= 99


def test_nothing_that_happened_is_no_evidence():
    assert excess(0, 0, 0.5) == 1.0
    assert excess(0, 100, 0.5) == 0.0
    assert excess(10**6, 10, 0.01) > 1e100
