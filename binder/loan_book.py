"""A SIMULATED loan book: eighteen months of applications, invented from a seed.

Nobody in it exists. It is made so that monitoring has something to find, and says what that is:

- applications carry a date, an amount, an applicant's income, employment, region and more, with a few
  values missing, and two protected attributes (``sex``, ``age_band``);
- whether a loan defaulted is known three months after the application, for one loan in fifty never;
- from month 12 on, a partner website brings other applicants: a new ``channel`` level, lower incomes,
  more missing values, and a higher risk that the columns explain less well.

Before month 12 nothing drifts.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

FIRST_DAY = pd.Timestamp("2025-01-01", tz="UTC")
DRIFT_BEGINS = 12
LABEL_DAYS = 90
FEATURES = (
    "income",
    "amount",
    "term_months",
    "history_years",
    "utilisation",
    "late_payments",
    "employment",
    "region",
    "purpose",
    "channel",
)
PROTECTED = ("sex", "age_band")


def loan_book(seed: int = 7, months: int = 18, per_month: int = 2000) -> pd.DataFrame:
    """Return simulated applications in the order of their dates, the same for the same seed.

    Columns: ``id``, ``applied_at``, ``month`` (0 is the first), the features, the protected
    attributes, ``defaulted`` (0 or 1) and ``outcome_known_at`` (NaT where it never is).
    """
    rng = np.random.default_rng(seed)
    return pd.concat([_month(rng, m, per_month) for m in range(months)], ignore_index=True)


def training_months(book: pd.DataFrame, until: int = 8) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the months before ``until`` for training, and the one after them as a holdout."""
    return book[book["month"] < until], book[book["month"] == until]


def _month(rng: np.random.Generator, month: int, rows: int) -> pd.DataFrame:
    partner = rng.random(rows) < (0.35 if month >= DRIFT_BEGINS else 0.0)
    frame = _applicants(rng, rows, partner)
    start = FIRST_DAY + pd.DateOffset(months=month)
    end = FIRST_DAY + pd.DateOffset(months=month + 1)
    seconds = np.sort(rng.integers(0, int((end - start).total_seconds()), rows))
    applied = start + pd.to_timedelta(seconds, unit="s")
    defaulted = rng.random(rows) < _risk(frame, partner)
    known = applied + pd.to_timedelta(LABEL_DAYS + rng.integers(0, 10, rows), unit="D")
    frame = _with_gaps(rng, frame, partner)
    frame.insert(0, "id", [f"loan-{month:02d}-{n:05d}" for n in range(rows)])
    frame.insert(1, "applied_at", applied)
    frame.insert(2, "month", month)
    frame["defaulted"] = defaulted.astype(int)
    frame["outcome_known_at"] = known.where(rng.random(rows) >= 1 / 50, pd.NaT)
    return frame


def _applicants(rng: np.random.Generator, rows: int, partner: np.ndarray) -> pd.DataFrame:
    income = rng.lognormal(10.4, 0.45, rows) * np.where(partner, 0.72, 1.0)
    own = rng.choice(["branch", "web", "phone"], rows, p=[0.4, 0.45, 0.15])
    return pd.DataFrame(
        {
            "income": income.round(0),
            "amount": (income * rng.uniform(0.1, 0.9, rows)).round(-2),
            "term_months": rng.choice([12, 24, 36, 48, 60], rows, p=[0.1, 0.2, 0.35, 0.2, 0.15]),
            "history_years": rng.gamma(2.5, 4.0, rows).round(1),
            "utilisation": rng.beta(2.0, 3.0, rows).round(3),
            "late_payments": rng.poisson(0.6, rows),
            "employment": rng.choice(
                ["employed", "self-employed", "retired", "student"], rows, p=[0.66, 0.18, 0.1, 0.06]
            ),
            "region": rng.choice(["north", "south", "east", "west"], rows),
            "purpose": rng.choice(["car", "home", "debt", "other"], rows, p=[0.3, 0.3, 0.25, 0.15]),
            "channel": np.where(partner, "partner", own),
            "sex": rng.choice(["female", "male"], rows),
            "age_band": rng.choice(
                ["18-29", "30-44", "45-59", "60+"], rows, p=[0.2, 0.35, 0.3, 0.15]
            ),
        }
    )


def _risk(frame: pd.DataFrame, partner: np.ndarray) -> np.ndarray:
    burden = frame["amount"] / frame["income"]
    score = (
        -3.4
        + 2.4 * burden
        + 2.2 * frame["utilisation"]
        + 0.55 * frame["late_payments"]
        - 0.05 * frame["history_years"]
        + 0.5 * frame["employment"].isin(["self-employed", "student"])
        + 0.25 * (frame["purpose"] == "debt")
    )
    # applicants of the partner default more often, and for reasons the columns hardly show
    explained = np.where(partner, 0.25 * score + 0.1, score)
    return 1 / (1 + np.exp(-explained))


def _with_gaps(rng: np.random.Generator, frame: pd.DataFrame, partner: np.ndarray) -> pd.DataFrame:
    share = np.where(partner, 0.25, 0.03)
    told = frame.copy()
    for name in ("income", "history_years"):
        told[name] = told[name].where(rng.random(len(told)) >= share)
    told["employment"] = told["employment"].where(rng.random(len(told)) >= share / 2)
    return told
