"""Environments of their own for what is only compared with: made on demand, kept in `.bench/`."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

CACHE = Path(__file__).parents[2] / ".bench"
INSTALL_SECONDS = 900
"""NannyML brings two gigabytes."""


class NotInstalledError(Exception):
    """An environment cannot be made here."""


def python(name: str, packages: Sequence[str], *, make: bool = True) -> Path:
    """Return the interpreter of an environment that has these packages.

    Raises:
        NotInstalledError: it is not there and must not be made, or cannot be.
    """
    place = CACHE / name
    interpreter, ready = place / "bin" / "python", place / ".ready"
    if ready.exists() and ready.read_text() == "\n".join(packages):
        return interpreter
    if not make:
        raise NotInstalledError(f"{name} has no environment yet, and none is to be made")
    shutil.rmtree(place, ignore_errors=True)
    print(f"  making an environment for {name} …", flush=True)
    _run(sys.executable, "-m", "venv", place)
    _run(interpreter, "-m", "pip", "install", "--quiet", *packages)
    ready.write_text("\n".join(packages))
    return interpreter


def versions(interpreter: Path, packages: Sequence[str]) -> str:
    """Say which versions an environment has."""
    code = (
        "import sys; from importlib.metadata import version;"
        "print(', '.join(f'{name} {version(name)}' for name in sys.argv[1:]))"
    )
    return subprocess.run(
        [interpreter, "-I", "-c", code, *packages], capture_output=True, text=True, check=True
    ).stdout.strip()


def why(error: Exception) -> str:
    """Return the last line of what an environment, or a program in it, said when it failed."""
    told = (getattr(error, "stderr", None) or str(error)).strip()
    return str(told.splitlines()[-1])


def _run(*words: object) -> None:
    try:
        done = subprocess.run(
            [str(word) for word in words],
            capture_output=True, text=True, check=False, timeout=INSTALL_SECONDS,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise NotInstalledError(f"it took longer than {INSTALL_SECONDS} s") from None
    if done.returncode:
        told = [line for line in done.stderr.splitlines() if "WARNING" not in line]
        raise NotInstalledError(told[-1] if told else f"pip ended with {done.returncode}")
