"""Budgets burn as the Site Reliability Workbook has them burn."""

import math

import numpy as np
import pytest

from jupyter_mlops.stats.budget import RULES, budget_left, burn_rate, burning, by_chance, hours_left


def windows(bad, of):
    return {hours: (bad, of) for rule in RULES for hours in (rule.long_hours, rule.short_hours)}


def test_burn_rates_are_those_of_the_workbook():
    assert [rule.burn_rate() for rule in RULES] == pytest.approx([14.4, 6.0, 1.0])
    assert next(rule.burn_rate(28 * 24) for rule in RULES) == pytest.approx(13.44)


def test_a_total_outage_uses_up_a_month_of_three_nines_in_43_minutes():
    rate = burn_rate(1_000, 1_000, 0.999)
    assert hours_left(1.0, rate) * 60 == pytest.approx(43.2)


def test_a_budget_may_be_overdrawn():
    assert budget_left(150, 100_000, 0.999) == pytest.approx(-0.5)
    assert hours_left(-0.5, 1.0) == 0.0


@pytest.mark.parametrize(
    ("share", "alerts"),
    [(0.0145, [True, True, True]), (0.007, [False, True, True]), (0.0015, [False, False, True])],
)
def test_slower_burning_is_less_urgent(share, alerts):
    found = burning(windows(int(share * 100_000), 100_000), 0.999)
    assert [rule.alerts for rule in found] == alerts


def test_an_incident_that_is_over_does_not_page():
    counts = windows(2_000, 100_000) | {5 / 60: (0, 8_000)}
    assert burning(counts, 0.999)[0].alerts is False
    assert burning({1.0: (2_000, 100_000)}, 0.999)[0].alerts is False


def test_one_failure_in_a_quiet_night_is_nothing_yet():
    assert burning(windows(1, 12), 0.999)[0].alerts is False
    assert burning(windows(3, 12), 0.999)[0].alerts is True


def test_a_service_that_keeps_its_objective_seldom_alerts():
    random = np.random.default_rng(1)
    alerts = 0
    for _ in range(500):
        of = int(random.integers(5, 5_000))
        alerts += bool(burning(windows(int(random.binomial(of, 0.001)), of), 0.999)[2].alerts)
    assert alerts / 500 <= 0.02


def test_chance_is_that_of_scipy():
    from scipy.stats import binom

    assert by_chance(7, 1_000, 0.002) == pytest.approx(binom.sf(6, 1_000, 0.002))
    assert (by_chance(0, 10, 0.1), by_chance(1, 10, 0.0)) == (1.0, 0.0)


def test_without_events_nothing_is_known():
    assert math.isnan(burn_rate(0, 0, 0.999))
    assert math.isnan(hours_left(budget_left(0, 0, 0.99), 1.0))
    assert [found.alerts for found in burning({}, 0.999)] == [None] * 3
    assert burn_rate(1, 10, 1.0) == math.inf
    assert hours_left(1.0, 0.0) == math.inf
