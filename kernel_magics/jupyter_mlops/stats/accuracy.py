"""How right answers are, by the measures of the field, each with its interval on demand."""

from __future__ import annotations

from jupyter_mlops.stats.binary import binary
from jupyter_mlops.stats.intervals import Estimate
from jupyter_mlops.stats.multiclass import multiclass
from jupyter_mlops.stats.regression import regression

__all__ = ["Estimate", "binary", "multiclass", "regression"]
