"""`jupyter mlops …`: the same words as %mlops, printed."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from jupyter_mlops import __version__
from jupyter_mlops.errors import MlopsError, UsageError, told
from jupyter_mlops.locale import translate

if TYPE_CHECKING:
    from jupyter_mlops.commands.parse import Line


def main(words: Sequence[str] | None = None) -> int:
    """Do what was typed, print the answer, and return 0; 2 for a usage error, 1 for a refusal."""
    try:
        code = _answer(list(sys.argv[1:] if words is None else words))
        sys.stdout.flush()
    except MlopsError as error:
        print(told(error, translate), file=sys.stderr)
        return 2 if isinstance(error, UsageError) else 1
    except BrokenPipeError:
        # What reads us has gone; python would complain once more when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130
    return code


def _answer(words: list[str]) -> int:
    from jupyter_mlops.commands.live import Place, standard_input
    from jupyter_mlops.commands.parse import parse
    from jupyter_mlops.commands.words import verbs

    if words[:1] == ["--version"]:
        print(__version__)
        return 0
    where = _where(words)
    line = parse(words, verbs(), Place(stdin=standard_input()))
    print(_help(line) if line.verb is None or line.wants_help else _said(line, where))
    return 0


def _where(words: list[str]) -> str | None:
    """Take `--workspace WHERE`, which may stand before the verb, out of the words."""
    if words[:1] != ["--workspace"]:
        return None
    if len(words) == 1:
        raise UsageError(
            "--workspace needs a value.",
            "name a folder, a database or a server: --workspace WHERE.",
            code="value_missing",
        )
    where = words[1]
    del words[:2]
    return where


def _help(line: Line) -> str:
    from jupyter_mlops.commands.manual import overall, page

    return page(line.verb) if line.verb else overall("jupyter mlops [--workspace WHERE]")


def _said(line: Line, where: str | None) -> str:
    from jupyter_mlops.commands.deciding import is_alone
    from jupyter_mlops.commands.session import open_session

    if line.verb is None:
        return ""
    alone = line.verb.name == "decide" and is_alone(line.arguments)
    with open_session(
        where, mouth="terminal", progress=_progress(), lazily=True, alone=alone
    ) as session:
        answer = session.say(line.verb.name, line.arguments)
    if line.wants_json:
        return json.dumps(answer.to_dict(), ensure_ascii=False, indent=2)
    return repr(answer)


def _progress() -> Callable[[str, float], None] | None:
    return _draw if sys.stderr.isatty() else None


def _draw(text: str, fraction: float) -> None:
    """Write how far long work has come over the line before."""
    end = "\n" if fraction >= 1 else ""
    print(f"\r\x1b[K{text} {fraction:4.0%}", end=end, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
