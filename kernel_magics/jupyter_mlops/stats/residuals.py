"""What is kept of predicted numbers whose truth has come: sums of powers, and two histograms.

Profiles over the cuts of one reference add, and subtract. Truths are kept about the reference's mean
in units of its deviation, so that sums of fourth powers neither overflow nor cancel.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from jupyter_mlops.errors import Invalid
from jupyter_mlops.stats.intervals import Estimate, around, mapped
from jupyter_mlops.stats.regression import deviances
from jupyter_mlops.stats.scores import known
from jupyter_mlops.stats.sums import Sums

Array = np.ndarray[Any, Any]

RESIDUAL_CELLS: Final = 100
VALUE_CELLS: Final = 20


@dataclass(frozen=True)
class ResidualCuts:
    """Where residuals and values are cut: quantiles of a reference, with its mean and deviation."""

    center: float = 0.0
    scale: float = 1.0
    residuals: tuple[float, ...] = ()
    values: tuple[float, ...] = ()


def residual_cuts(y_true: Any, y_pred: Any) -> ResidualCuts:
    """Return the cuts that truths and predictions of a reference lead to, shapes (n,).

    >>> residual_cuts([1.0, 2.0, 3.0], [1.0, 2.0, 3.0]).center
    2.0
    """
    truth, said = known(y_true, y_pred)
    if not len(truth):
        return ResidualCuts()
    return ResidualCuts(
        float(truth.mean()),
        float(truth.std()) or 1.0,
        _quantiles(said - truth, RESIDUAL_CELLS),
        _quantiles(np.concatenate([truth, said]), VALUE_CELLS),
    )


def _quantiles(values: Array, count: int) -> tuple[float, ...]:
    edges = np.unique(np.quantile(values, np.arange(count + 1) / count))
    if len(edges) == 1:
        edges = np.append(edges, np.nextafter(edges[0], np.inf))  # one place is a cell as well
    return tuple(edges.tolist())


def _cell(values: Array, edges: tuple[float, ...]) -> Array:
    """Return 0 below the first edge, then cells closed on the right, then what is above."""
    found = np.searchsorted(edges, values)
    return np.asarray(np.where(values == edges[0], 1, found) if edges else found)


@dataclass(frozen=True, eq=False)
class Residuals:
    """Sums of losses, powers, and counts over the cuts of a reference.

    ``powers`` are Σ y, y², y³, y⁴, r², r⁴, r² y and r² y² of scaled truths y and residuals r.
    ``histogram`` has shape (cuts + 1,), ``joint`` (truth cells, prediction cells); first and last
    cells are what lies outside the reference.
    """

    cuts: ResidualCuts
    n: int
    losses: dict[str, Sums]
    powers: Array
    histogram: Array
    joint: Array

    def __add__(self, other: Residuals) -> Residuals:
        return self._with(other, 1)

    def __sub__(self, other: Residuals) -> Residuals:
        return self._with(other, -1)

    def _with(self, other: Residuals, sign: int) -> Residuals:
        if self.cuts != other.cuts:
            raise Invalid(
                "These profiles are cut differently and cannot be added or compared.",
                "profile both batches with the bins of the same reference.",
                code="bins_differ",
            )
        losses = {
            name: own + other.losses[name] if sign > 0 else own - other.losses[name]
            for name, own in self.losses.items()
        }
        return Residuals(
            self.cuts,
            self.n + sign * other.n,
            losses,
            self.powers + sign * other.powers,
            self.histogram + sign * other.histogram,
            self.joint + sign * other.joint,
        )

    def measures(self, *, level: float = 0.95) -> dict[str, Estimate]:
        """Return what :func:`jupyter_mlops.stats.regression.regression` tells, less the median.

        >>> cuts = residual_cuts([1.0, 3.0], [1.0, 3.0])
        >>> both = residuals([1.0], [1.0], cuts) + residuals([2.0, 3.0], [2.0, 5.0], cuts)
        >>> round(both.measures()["mae"].value, 4)
        0.6667
        """
        told = {name: self._mean(name, level) for name in self.losses}
        return {
            "rmse": mapped(told["squared"], lambda value: math.sqrt(max(value, 0.0))),
            "mae": told["absolute"],
            "mape": self.losses["mape"].mean(level=level),
            "rmsle": mapped(told["log_squared"], lambda value: math.sqrt(max(value, 0.0))),
            "r2": self._r2(level),
            "bias": told["bias"],
            "poisson_deviance": told["poisson_deviance"],
            "gamma_deviance": told["gamma_deviance"],
            "tweedie_deviance": told["tweedie_deviance"],
        }

    def _mean(self, name: str, level: float) -> Estimate:
        kept = self.losses[name]
        return kept.mean(level=level) if kept.count == self.n else Estimate(math.nan)

    def _r2(self, level: float) -> Estimate:
        """Return 1 − SSE / SST with the standard error of its influence function."""
        n = self.n
        if n < 2:  # noqa: PLR2004  (no spread in one value)
            return Estimate(math.nan)
        y, y2, y3, y4, r2, r4, r2y, r2y2 = (self.powers / n).tolist()
        spread = y2 - y * y
        if spread <= 1e-12 * max(y2, 1e-300):
            return Estimate(math.nan)
        share = r2 / spread
        fourth = y4 - 4 * y * y3 + 6 * y**2 * y2 - 3 * y**4
        mixed = r2y2 - 2 * y * r2y + y * y * r2
        influence = (r4 - 2 * share * mixed + share**2 * fourth) / spread**2
        error = math.sqrt(max(influence, 0.0) / (n - 1))
        return around(1 - share, error, level=level)

    def to_dict(self) -> dict[str, Any]:
        """Return the profile as JSON-safe values, without its cuts, which are kept once."""
        places = np.flatnonzero(self.joint)
        return {
            "n": self.n,
            "losses": {name: kept.to_list() for name, kept in self.losses.items()},
            "powers": self.powers.tolist(),
            "histogram": self.histogram.tolist(),
            "joint": [places.tolist(), self.joint.ravel()[places].tolist()],
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any], cuts: ResidualCuts) -> Residuals:
        """Return the profile that ``to_dict`` wrote, over the cuts it was made with."""
        side = len(cuts.values) + 1
        joint = np.zeros(side * side, dtype=np.int64)
        joint[data["joint"][0]] = data["joint"][1]
        return cls(
            cuts,
            data["n"],
            {name: Sums(*kept) for name, kept in data["losses"].items()},
            np.array(data["powers"], dtype=np.float64),
            np.array(data["histogram"], dtype=np.int64),
            joint.reshape(side, side),
        )


def residuals(y_true: Any, y_pred: Any, cuts: ResidualCuts) -> Residuals:
    """Sum up rows over frozen cuts; a row without its prediction or truth is left out.

    Args:
        y_true: shape (n,).
        y_pred: shape (n,), in the same unit.
        cuts: what :func:`residual_cuts` made of a reference.

    >>> residuals([1.0, None], [2.0, 3.0], residual_cuts([0.0], [0.0])).measures()["bias"].value
    1.0
    """
    truth, said = known(y_true, y_pred)
    apart = said - truth
    y, r = (truth - cuts.center) / cuts.scale, apart / cuts.scale
    powers = [y, y**2, y**3, y**4, r**2, r**4, r**2 * y, r**2 * y**2]
    side = len(cuts.values) + 1
    joint = np.zeros((side, side), dtype=np.int64)
    np.add.at(joint, (_cell(truth, cuts.values), _cell(said, cuts.values)), 1)
    cells = _cell(apart, cuts.residuals)
    return Residuals(
        cuts,
        len(truth),
        _losses(truth, said),
        np.array([power.sum() for power in powers]),
        np.bincount(cells, minlength=len(cuts.residuals) + 1).astype(np.int64),
        joint,
    )


def _losses(truth: Array, said: Array) -> dict[str, Sums]:
    apart, nonzero = said - truth, truth != 0
    positive = (truth >= 0) & (said >= 0)
    logs = np.log1p(said[positive]) - np.log1p(truth[positive])
    told = {
        "squared": Sums.of(apart**2),
        "absolute": Sums.of(np.abs(apart)),
        "bias": Sums.of(apart),
        "mape": Sums.of(np.abs(apart[nonzero] / truth[nonzero])),
        "log_squared": Sums.of(logs**2),
    }
    for name, power in (("poisson", 1.0), ("gamma", 2.0), ("tweedie", 1.5)):
        allowed = (said > 0) & ((truth >= 0) if power < 2 else (truth > 0))  # noqa: PLR2004
        told[f"{name}_deviance"] = Sums.of(deviances(truth[allowed], said[allowed], power))
    return told
