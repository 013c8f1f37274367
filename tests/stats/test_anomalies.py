"""A series alarms at its nominal level when nothing happens, and does not sleep when it does."""

import math

import numpy as np
import pytest
from scipy import stats as scipy_stats

from jupyter_mlops.stats.anomalies import newest, newest_count


def rate(draw, *, rounds=400, seed=1, level=0.05, judge=newest):
    random = np.random.default_rng(seed)
    return sum(judge(*draw(random), level=level).unusual for _ in range(rounds)) / rounds


@pytest.mark.parametrize("n", [10, 30, 100, 300])
def test_a_quiet_series_alarms_at_its_level(n):
    assert 0.02 <= rate(lambda random: (random.normal(50, 3, n),), rounds=800) <= 0.085


@pytest.mark.parametrize("n", [100, 300])
def test_heavy_tails_do_not_alarm_more_often(n):
    assert rate(lambda random: (random.standard_cauchy(n),), rounds=600) <= 0.08


@pytest.mark.parametrize("expected", [0.5, 5, 200])
def test_counts_of_events_alarm_at_their_level(expected):
    def judge(hits, level):
        return newest_count(hits, np.ones(len(hits)), level=level, share=False)

    assert rate(lambda random: (random.poisson(expected, 40),), rounds=500, judge=judge) <= 0.08


@pytest.mark.parametrize("share", [0.001, 0.02, 0.4])
def test_shares_of_rows_alarm_at_their_level(share):
    def judge(hits, level):
        return newest_count(hits, np.full(len(hits), 1_000), level=level)

    found = rate(lambda random: (random.binomial(1_000, share, 30),), rounds=300, judge=judge)
    assert found <= 0.085


def test_counts_that_vary_more_than_counts_do_are_judged_by_how_they_vary():
    def judge(hits, level):
        return newest_count(hits, np.ones(len(hits)), level=level, share=False)

    def draw(random):
        return (random.poisson(random.gamma(4, 50, 60)),)

    assert rate(draw, rounds=300, judge=judge) <= 0.09


def test_an_incident_is_seen_and_an_earlier_one_does_not_hide_it():
    random = np.random.default_rng(2)
    history = random.normal(50, 3, 60)
    history[[20, 21, 22]] = 500.0
    assert newest([*history, 80.0]).unusual
    assert newest_count([*random.poisson(3, 40), 20], [1] * 41, share=False).unusual
    assert newest_count([*random.binomial(1_000, 0.01, 40), 40], [1_000] * 41).unusual


def week(random, weeks):
    hour = np.arange(weeks * 168) % 168
    return 100 + 80 * np.sin(hour * 2 * np.pi / 24) + random.normal(0, 3, len(hour)), hour


def test_a_night_is_judged_by_nights():
    random = np.random.default_rng(3)
    values, hour = week(random, 6)
    low = np.flatnonzero(values[168 * 5 :] < 30)[0] + 168 * 5
    asleep, seasons = values[: low + 1], hour[: low + 1]
    assert newest(asleep, seasons=seasons).unusual is False
    midday = asleep.copy()
    midday[-1] = 100.0
    found = newest(midday, seasons=seasons)
    assert (found.unusual, found.seasonal) == (True, True)
    assert newest(midday).unusual is False
    assert found.low < asleep[-1] < found.high


def test_seasons_alarm_at_their_level():
    random, alarms, rounds = np.random.default_rng(4), 0, 300
    for _ in range(rounds):
        values = random.normal(size=8 * 7) + np.arange(56) % 7
        alarms += newest(values, seasons=np.arange(56) % 7, level=0.05).unusual
    assert alarms / rounds <= 0.09


@pytest.mark.parametrize("shape", [math.inf, 4.0])
def test_traffic_with_a_daily_rhythm_is_judged_by_the_same_hour(shape):
    random, rounds, alarms, missed = np.random.default_rng(5), 150, 0, 0
    hour = np.arange(24 * 8) % 24
    rhythm = 200 + 150 * np.sin(hour * 2 * np.pi / 24)
    for _ in range(rounds):
        busy = rhythm if math.isinf(shape) else random.gamma(shape, rhythm / shape)
        traffic = random.poisson(busy)
        given = {"seasons": hour, "share": False}
        alarms += newest_count(traffic, np.ones(len(hour)), level=0.05, **given).unusual
        traffic[-1] = 900
        missed += not newest_count(traffic, np.ones(len(hour)), level=0.05, **given).unusual
    assert alarms / rounds <= 0.11
    assert missed == 0


def test_events_are_counted_as_scipy_counts_them():
    hits = [3, 5, 4, 6, 2, 5, 4, 3, 4, 11]
    found = newest_count(hits, [1] * 10, share=False).p_value
    tail = scipy_stats.binom.sf(11, sum(hits), 0.1) + scipy_stats.binom.pmf(11, sum(hits), 0.1) / 2
    assert found == pytest.approx(2 * tail)


@pytest.mark.parametrize(
    "values", [[], [None], [1.0], [None] * 20, [1.0] * 5, [1.0, 2.0] * 10 + [None]]
)
def test_what_cannot_be_judged_is_unknown(values):
    assert newest(values).unusual is None
    assert newest(values, seasons=[0] * len(values)).unusual is None
    assert newest_count(values, [0] * len(values)).unusual is None
    assert newest_count(values, [1e308] * len(values)).unusual is None


def test_a_series_that_never_moved():
    assert newest([7.0] * 200).unusual is False
    assert newest([7.0] * 200 + [7.1]).unusual is True
    assert newest_count([0] * 30, [100] * 30).unusual is False
    assert newest_count([0] * 29 + [30], [100] * 30).unusual is True
    assert math.isfinite(newest([0.0] * 10 + [1e308]).p_value)
