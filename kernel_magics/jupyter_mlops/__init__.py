"""MLOps that lives in the notebook: the front door."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from IPython.core.interactiveshell import InteractiveShell

    from jupyter_mlops.commands.session import Session

__version__ = "0.1.0"
__all__ = ["__version__", "open_workspace"]


def open_workspace(where: str | Path | None = None) -> Session:
    """Open a workspace and return every verb as a method.

    Args:
        where: a folder, ``sqlite:///…``, ``postgresql+psycopg://…`` or the address of a Jupyter or
            team server; when nothing is said, ``JUPYTER_MLOPS_WORKSPACE`` or the user data folder.
    """
    from jupyter_mlops.commands.session import open_session
    from jupyter_mlops.magics.origin import of_python

    return open_session(where, origin=of_python)


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Make ``%mlops`` available in a notebook."""
    from jupyter_mlops.magics import load

    load(shell)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Take ``%mlops`` away again."""
    from jupyter_mlops.magics import unload

    unload(shell)
