"""A check of one's own: the last function of a cell, tried where all others are."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

from jupyter_mlops.errors import Invalid
from jupyter_mlops.services.release.findings import Found, printable
from jupyter_mlops.services.release.subject import Subject

GIVEN: Final = ("rows", "scores", "labels", "truth")
"""What a function may ask for by the names of its arguments."""
LONGEST: Final = 100_000
_SAID: Final = 2


def function_in(source: str) -> ast.FunctionDef:
    """Return the last function of a text, without running any of it.

    Raises:
        Invalid: it is no Python, has no function, or one that asks for what there is not.
    """
    try:
        tree = ast.parse(source[: LONGEST + 1])
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise _invalid(str(error)) from None
    if len(source) > LONGEST:
        raise _invalid(f"it is longer than {LONGEST} characters")
    found = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    if not found:
        raise _invalid("it holds no function")
    wanted = [each.arg for each in (*found[-1].args.args, *found[-1].args.kwonlyargs)]
    unknown = [name for name in wanted if name not in GIVEN]
    if unknown or not wanted:
        raise _invalid(f"its function may ask for {', '.join(GIVEN)}")
    return found[-1]


def tried(subject: Subject, check: Mapping[str, str]) -> Found:
    """Run a function on the sample, the scores, the labels and the truth, as far as it asks for them.

    It passes by returning something true, and fails by something false or an assertion; a second
    value is its figure.
    """
    source = subject.artifacts.get(check["digest"]).decode()
    function = function_in(source)
    arguments = [each.arg for each in (*function.args.args, *function.args.kwonlyargs)]
    room: dict[str, Any] = {"__name__": check["name"]}
    try:
        exec(compile(source, f"check {check['name']}", "exec"), room)  # noqa: S102  (it is kept as code)
        made: Callable[..., Any] = room[function.name]
        told = made(**{name: _given(subject, name) for name in arguments})
    except AssertionError as error:
        return Found(
            "failed", because="{said}", values={"said": printable(str(error) or function.name)}
        )
    figure = ""
    if isinstance(told, tuple) and len(told) == _SAID:
        told, figure = told[0], _shown(told[1])
    if not isinstance(told, bool | np.bool_):
        raise _invalid("its function has to return True or False, alone or with a figure")
    return Found(
        "passed" if told else "failed",
        figure="{figure}" if figure else "",
        because="" if told else "The function of the check says no.",
        values={"figure": figure} if figure else {},
    )


def _given(subject: Subject, name: str) -> Any:
    from jupyter_mlops.formats import frames

    if name == "rows":
        return frames.to_pandas(subject.sample or subject.few())
    if name == "truth":
        return subject.truth
    scores = subject.scores if subject.sample else subject.score(subject.few())
    if name == "labels" and subject.manifest["classes"]:
        return np.array(subject.manifest["classes"], dtype=object)[scores.argmax(axis=1)]
    return scores


def _shown(figure: Any) -> str:
    is_number = isinstance(figure, float | np.floating)
    return f"{figure:.4g}" if is_number else printable(str(figure))


def _invalid(why: str) -> Invalid:
    return Invalid(
        "This is no check: {why}.",
        "write `def NAME(rows, scores): …` that returns True or False; `check --help` shows more.",
        code="check_invalid",
        why=why,
    )
