"""Tables in, pictures out."""

from __future__ import annotations

from jupyter_mlops.charts.pictures import picture

__all__ = ["picture"]
