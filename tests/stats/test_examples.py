"""Every example in a docstring is true."""

import doctest
import importlib
import pkgutil

import pytest

from jupyter_mlops import stats
from jupyter_mlops.errors import MlopsError

MODULES = [found.name for found in pkgutil.iter_modules(stats.__path__)]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_statistic_are_true(name):
    module = importlib.import_module(f"jupyter_mlops.stats.{name}")
    told = doctest.testmod(module)
    assert told.failed == 0


def test_there_are_examples():
    assert len(MODULES) > 10
    assert issubclass(MlopsError, Exception)
