"""A real Jupyter server for the tests of this folder, and for them only."""

from pytest_jupyter.jupyter_server import *  # noqa: F403
