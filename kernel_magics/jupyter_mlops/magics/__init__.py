"""Read the line, do it, show the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

__all__ = ["load", "unload"]


def load(shell: InteractiveShell) -> None:
    """Make `%mlops` and its completion available; loading twice changes nothing."""
    from jupyter_mlops.magics.completion import Completer
    from jupyter_mlops.magics.mlops import MlopsMagics

    if isinstance(_registered(shell), MlopsMagics):
        return
    magics = MlopsMagics(shell)
    magics.record.watch()
    shell.register_magics(magics)
    magics.completer = Completer(magics.known, shell)
    shell.Completer.custom_matchers.append(magics.completer.matcher)


def unload(shell: InteractiveShell) -> None:
    """Take `%mlops` and its completion away, and let go of the workspace."""
    magics = _registered(shell)
    if magics is None:
        return
    matchers = shell.Completer.custom_matchers
    matchers[:] = [one for one in matchers if one is not magics.completer.matcher]
    for kind in ("line", "cell"):
        shell.magics_manager.magics[kind].pop("mlops", None)
    shell.magics_manager.registry.pop("MlopsMagics", None)
    magics.record.unwatch()
    magics.close()


def _registered(shell: InteractiveShell) -> Any:
    return shell.magics_manager.registry.get("MlopsMagics")
