"""Beijing's air, hour by hour: seasons are drift, unless a season is compared with its like."""

from functools import cache

import pytest

from jupyter_mlops.stats.drift import compare, findings

FEATURES = ["pm2.5", "DEWP", "TEMP", "PRES", "cbwd", "Iws", "Is", "Ir"]
WINTER, SPRING, SUMMER, AUTUMN = range(4)
LOOKS_PER_30_DAYS = 1 / 3
YEARS = (2012, 2013, 2014)


@pytest.fixture(scope="module")
def air(pollution):
    """Return the hours with their season; a December belongs to the winter it begins."""
    return pollution.assign(
        season=pollution.month % 12 // 3, year=pollution.year + (pollution.month == 12)
    )


@pytest.fixture(scope="module")
def judged(air):
    """Return comparisons and findings of a season against all years before, and its like."""

    @cache
    def judge(season, year, *, seasonal):
        before = air.year == year - 1 if seasonal else air.year < year
        alike = air.season == season
        now, reference = air[alike & (air.year == year)], air[before & (alike | (not seasonal))]
        compared = {name: compare(reference[name], now[name]) for name in FEATURES}
        return compared, findings(compared, windows_per_30_days=LOOKS_PER_30_DAYS)

    return judge


def failing(told):
    return {name for name, found in told.items() if found.status == "failing"}


def test_every_season_fails_against_all_that_came_before(judged):
    for year in YEARS:
        for season in range(4):
            _, told = judged(season, year, seasonal=False)
            assert failing(told) >= {"DEWP", "TEMP", "PRES"}


def test_the_same_season_of_the_year_before_quiets_four_failures_in_five(judged):
    windows = [(season, year) for year in YEARS for season in range(4)]
    plain, quiet = (
        sum(len(failing(judged(*window, seasonal=seasonal)[1])) for window in windows)
        for seasonal in (False, True)
    )
    assert plain >= 3 * len(windows)
    assert quiet <= plain / 4


def test_summer_heat_is_no_news_beside_another_summer(judged):
    (plain, told), (alike, quiet) = (judged(SUMMER, 2013, seasonal=s) for s in (False, True))
    assert plain["TEMP"].psi > 3
    assert alike["TEMP"].psi < 0.1
    assert (told["TEMP"].finding, quiet["TEMP"].finding) == ("drifted", "shifted")


def test_a_mild_winter_is_news_beside_another_winter(air, judged):
    means = [air[(air.season == WINTER) & (air.year == y)].TEMP.mean() for y in (2013, 2014)]
    assert means[1] > means[0] + 3
    _, told = judged(WINTER, 2014, seasonal=True)
    assert told["TEMP"].status == "failing"


def test_a_failing_instrument_is_told_apart_from_the_air_it_measures(air):
    """One December PM2.5 is missing in every sixth hour, and the weather in none."""
    decembers = [air[(air.month == 12) & (air.year == y)] for y in (2012, 2013)]
    compared = {name: compare(decembers[0][name], decembers[1][name]) for name in FEATURES}
    assert compared["pm2.5"].missing_difference == pytest.approx(0.175, abs=0.002)
    assert compared["pm2.5"].missing_p_value < 1e-9
    assert all(compared[name].missing_p_value == 1.0 for name in FEATURES[1:])
    only = {"pm2.5": compared["pm2.5"]}
    assert findings(only, floors=(9.0, 9.0))["pm2.5"].why == "missing"


def test_gaps_that_were_always_there_are_no_drift(air):
    """In January the instrument failed in 10 to 12 % of the hours of two years in a row."""
    januaries = [air[(air.month == 1) & (air.year == year)]["pm2.5"] for year in (2011, 2012)]
    found = compare(*januaries)
    assert found.missing_share > 0.09
    assert found.missing_p_value > 0.05
