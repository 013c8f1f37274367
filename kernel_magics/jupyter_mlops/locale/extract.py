"""Find every sentence that people read, and bring the catalogues up to date.

``python -m jupyter_mlops.locale.extract`` adds what is new, drops what is gone, keeps what was
translated, and compiles the catalogues. It needs Babel, which only those who translate have.
"""

from __future__ import annotations

import ast
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from jupyter_mlops import errors
from jupyter_mlops.locale import DOMAIN, FOLDER, LANGUAGES

if TYPE_CHECKING:
    from babel.messages import Catalog, Message

PACKAGE: Final = FOLDER.parent
LAB: Final = PACKAGE.parents[1] / "extension" / "jupyter_mlops_lab"
GRAMMAR: Final = PACKAGE / "commands" / "grammar.json"

_HEAD: Final = """\
msgid ""
msgstr ""
"Language: {language}\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"

"""
_NO_DAY: Final = datetime(2000, 1, 1, tzinfo=UTC)

_TELLERS: Final = ("tell", "translate")
_FOUND: Final = ("figure", "because")
_KEPT: Final = ("_LABELS", "_SAID", "TITLES")
"""Constants whose texts are told by another file than the one that keeps them."""
_ERRORS: Final = tuple(
    name
    for name, thing in vars(errors).items()
    if isinstance(thing, type) and issubclass(thing, errors.MlopsError)
)


def sentences() -> dict[str, list[str]]:
    """Return every sentence with the files that say it."""
    found: dict[str, list[str]] = {}
    for file in sorted([*PACKAGE.rglob("*.py"), *LAB.rglob("*.py")]):
        for text in in_source(file.read_text(encoding="utf-8")):
            _add(found, text, _place(file))
    for verb in json.loads(GRAMMAR.read_text(encoding="utf-8"))["verbs"]:
        _add(found, verb["summary"], _place(GRAMMAR))
    return found


def in_source(source: str) -> Iterator[str]:
    """Go through the sentences of a source file: what is told, and what errors say.

    A sentence that is chosen (``a if … else b``) counts as both; one kept in a constant is found
    when a teller or an error of the same file is given the constant by name. What a check found
    (``figure=``, ``because=``) is kept in English and translated when it is read.
    """
    tree = ast.parse(source)
    constants = _constants(tree)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        wanted = 1 if name in _TELLERS else 2 if name in _ERRORS else 0
        kept = [word.value for word in node.keywords if word.arg in _FOUND]
        for argument in [*node.args[:wanted], *kept]:
            yield from _texts(argument, constants)
    for name in _KEPT:
        yield from constants.get(name, [])


def catalogue(language: str) -> Path:
    """Return the file that holds a language's translations."""
    return FOLDER / language / "LC_MESSAGES" / f"{DOMAIN}.po"


def update(language: str) -> tuple[str, bytes]:
    """Return the catalogue with today's sentences, and its compiled form."""
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import write_po

    old = read(language)
    new = _empty(language)
    for text, places in sorted(sentences().items()):
        known = old.get(text) if old is not None else None
        new.add(text, known.string if known else "", locations=[(place, 1) for place in places])
    written, compiled = io.BytesIO(), io.BytesIO()
    write_po(written, new, width=0, include_lineno=False, omit_header=True, sort_output=True)
    write_mo(compiled, new)
    return _HEAD.format(language=language) + written.getvalue().decode(), compiled.getvalue()


def read(language: str) -> Catalog | None:
    """Return the catalogue of a language, or None when there is none yet."""
    from babel.messages.pofile import read_po

    file = catalogue(language)
    if not file.exists():
        return None
    return read_po(io.BytesIO(file.read_bytes()), locale=language)


def write() -> None:
    """Bring every catalogue up to date."""
    for language in LANGUAGES[1:]:
        text, compiled = update(language)
        file = catalogue(language)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        file.with_suffix(".mo").write_bytes(compiled)


def _empty(language: str) -> Catalog:
    """Return a catalogue of no particular day and no particular babel: two can be compared."""
    from babel.messages import Catalog

    class Plain(Catalog):
        def __iter__(self) -> Iterator[Message]:
            head, *messages = super().__iter__()
            lines = str(head.string).splitlines(keepends=True)
            head.string = "".join(line for line in lines if not line.startswith("Generated-By"))
            yield from [head, *messages]

    return Plain(locale=language, creation_date=_NO_DAY, revision_date=_NO_DAY, fuzzy=False)


def _add(found: dict[str, list[str]], text: str, place: str) -> None:
    places = found.setdefault(text, [])
    if text and place not in places:
        places.append(place)


def _place(file: Path) -> str:
    return file.relative_to(PACKAGE.parent if PACKAGE in file.parents else LAB.parent).as_posix()


def _texts(node: ast.expr, constants: dict[str, list[str]]) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        if node.value:
            yield node.value
    elif isinstance(node, ast.IfExp):
        yield from _texts(node.body, constants)
        yield from _texts(node.orelse, constants)
    elif isinstance(node, ast.Name | ast.Subscript):
        base = node.value if isinstance(node, ast.Subscript) else node
        yield from constants.get(getattr(base, "id", ""), [])


def _constants(tree: ast.Module) -> dict[str, list[str]]:
    """Return the texts that names of a module hold, alone or as the values of a dictionary."""
    found: dict[str, list[str]] = {}
    for node in ast.walk(tree):
        target: Any = None
        if isinstance(node, ast.AnnAssign):
            target = node.target
        elif isinstance(node, ast.Assign) and len(node.targets) == 1:
            target = node.targets[0]
        if isinstance(target, ast.Name) and isinstance(node, ast.Assign | ast.AnnAssign):
            found.setdefault(target.id, []).extend(_held(node.value))
    return found


def _held(value: ast.expr | None) -> list[str]:
    held: list[ast.expr | None] = [value]
    if isinstance(value, ast.Dict):
        held = list(value.values)
    elif isinstance(value, ast.Tuple | ast.List):
        held = list(value.elts)
    elif isinstance(value, ast.IfExp):
        held = [value.body, value.orelse]
    return [
        part.value
        for part in held
        if isinstance(part, ast.Constant) and isinstance(part.value, str) and part.value
    ]


if __name__ == "__main__":
    write()
