"""The files that are generated from the verbs, and where they are."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from jupyter_mlops.commands.grammar import to_json
from jupyter_mlops.commands.openapi import openapi
from jupyter_mlops.commands.reference import markdown
from jupyter_mlops.commands.typescript import typescript
from jupyter_mlops.commands.words import GRAMMAR, Words

OPENAPI: Final = GRAMMAR.with_name("openapi.json")
REPOSITORY: Final = Path(__file__).parents[3]


def files(words: Words) -> dict[Path, str]:
    """Return what every generated file has to hold; those of a repository only inside one."""
    told = {GRAMMAR: to_json(words), OPENAPI: openapi(words)}
    if (REPOSITORY / "extension" / "src").is_dir():
        told[REPOSITORY / "extension" / "src" / "types.ts"] = typescript(words)
        told[REPOSITORY / "docs" / "verbs.md"] = markdown(words)
    return told


def write(words: Words) -> None:
    """Write every generated file."""
    for path, text in files(words).items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
