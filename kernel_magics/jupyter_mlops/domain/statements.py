"""What a cell reads, binds and changes, statement by statement; told from its text, never by running it."""

from __future__ import annotations

import ast
import builtins
import itertools
import keyword
import re
import symtable
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

MAGIC: Final = "__magic__"
FRAMES: Final = ("train", "holdout")
_LONGEST: Final = 200_000
_LINE: Final = re.compile(r"^(\s*)(?:([\w][\w ,]*?)\s*=\s*)?([%!])(.*)$")
_HELP: Final = re.compile(r"^\s*(\?\S.*|[\w.%]+\?{1,2})\s*$")
_SPLIT: Final = re.compile(r"\{[^}]*\}|\"[^\"]*\"|'[^']*'|\S+")
_LIVE: Final = frozenset({"--train", "--holdout"})
_WORD: Final = re.compile(r"[^\W\d]\w*")
_TRANSPARENT: Final = frozenset({"time", "timeit", "capture", "prun"})
_LOOKS: Final = frozenset(
    [
        "head",
        "tail",
        "describe",
        "info",
        "sample",
        "hist",
        "boxplot",
        "show",
        "value_counts",
        "nunique",
        "unique",
        "sum",
        "mean",
        "median",
        "std",
        "var",
        "min",
        "max",
        "count",
        "corr",
        "cov",
        "groupby",
        "score",
        "copy",
        "query",
        "keys",
        "values",
        "items",
        "shape",
        "agg",
        "pivot_table",
        "close",
        "savefig",
        "summary",
        "render",
        "display",
        "report",
    ]
)
"""Methods that only look, whatever object they are of; with what begins as below."""
_LOOKING: Final = ("to_", "get", "is", "not", "plot", "predict", "score", "transform", "_repr")
_FITS: Final = frozenset({"fit", "fit_transform", "fit_predict", "set_params"})
"""Methods that begin anew: what an earlier call did is gone."""
_GROWS: Final = frozenset(
    [
        "append",
        "extend",
        "insert",
        "pop",
        "popitem",
        "popleft",
        "appendleft",
        "remove",
        "partial_fit",
        "step",
        "backward",
        "write",
    ]
)
"""Methods that change more each time they are called."""
_ARGUED: Final = frozenset({"shuffle"})
"""Functions of modules that change what they are given."""
_BUILTIN: Final = frozenset({*dir(builtins), "display", MAGIC})


@dataclass(frozen=True)
class Touch:
    """A name whose value is changed in place: once and for all, anew, or more each time."""

    name: str
    how: str = "once"


@dataclass(frozen=True)
class Step:
    """One statement: its text without layout, and what it does with names."""

    text: str
    first: int = 0
    last: int = 0
    reads: frozenset[str] = frozenset()
    binds: frozenset[str] = frozenset()
    touches: tuple[Touch, ...] = ()
    free: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """For each function it binds, what that function reads once it is called."""
    node: ast.stmt | None = None
    is_world: bool = False
    """It changes something that no name stands for: a working folder, a setting, a shell's doing."""
    magic: str = ""


@lru_cache(maxsize=2048)
def steps(source: str) -> tuple[Step, ...]:
    """Return the statements of a cell; one that cannot be read is a single step of unknown effect."""
    tree = _parsed(source)
    if tree is None:
        return (_opaque(source),)
    try:
        return tuple(_step(node) for node in tree.body)
    except RecursionError:
        return (_opaque(source),)


@lru_cache(maxsize=2048)
def text_of(source: str) -> str:
    """Return what identifies the code of a cell: comments, layout and empty lines do not."""
    return "\n".join(step.text for step in steps(source))


def registering(found: tuple[Step, ...]) -> int | None:
    """Return which statement registers a model, if one does."""
    for n, step in enumerate(found):
        if step.magic.split()[:2] == ["mlops", "register"] or _calls_register(step):
            return n
    return None


def wanted(step: Step) -> frozenset[str]:
    """Return the names that a registering statement is about: the model and its frames."""
    if not step.magic:
        return step.reads
    words = _SPLIT.findall(step.magic)[2:]
    told = [
        word
        for before, word in zip(["", *words], words, strict=False)
        if word[0] in "{$" or before in _LIVE or "-" not in (before[:1], word[:1])
    ]
    return frozenset(name for word in told[:8] for name in _WORD.findall(word)) & step.reads


def frames(step: Step) -> dict[str, frozenset[str]]:
    """Return which names a registering statement calls its training data and its holdout."""
    if step.magic:
        words = _SPLIT.findall(step.magic)
        told = dict(itertools.pairwise(words))
        return {n: frozenset(_WORD.findall(told[f"--{n}"])) for n in FRAMES if f"--{n}" in told}
    calls = [n for n in ast.walk(step.node or ast.Pass()) if isinstance(n, ast.Call)]
    return {
        str(k.arg): frozenset(n.id for n in ast.walk(k.value) if isinstance(n, ast.Name))
        for call in calls
        for k in call.keywords
        if k.arg in FRAMES
    }


def only_words(found: tuple[Step, ...]) -> bool:
    """Say whether a cell does nothing but ask or tell this product, without registering anything."""
    words = [step.magic.split() for step in found]
    return bool(words) and all(w[:1] == ["mlops"] and w[1:2] != ["register"] for w in words)


def _parsed(source: str) -> ast.Module | None:
    if len(source) > _LONGEST:
        return None
    for text in (source, _translated(source)):
        try:
            return ast.parse(text) if text is not None else None
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
    return None


def _translated(source: str) -> str | None:
    """Return a cell with IPython's own lines as calls; None where its body is another language's."""
    lines = source.replace("\\\n", " \x00").split("\n")
    first = next((n for n, line in enumerate(lines) if line.strip()), 0)
    if lines[first].startswith("%%"):
        name = lines[first][2:].split(maxsplit=1)[:1]
        if name == ["mlops"]:
            return _called("", "", lines[first][2:])
        if not name or name[0] not in _TRANSPARENT:
            return None
        lines[first] = ""
    return "\n".join(_line(line) for line in lines).replace("\x00", "\\\n")


def _line(line: str) -> str:
    if found := _LINE.match(line):
        indent, target, sign, said = found.groups()
        name, _, rest = said.partition(" ")
        if sign == "%" and name in _TRANSPARENT and not target and rest.lstrip()[:1] != "-":
            return indent + rest.lstrip()
        told = said.replace("\x00", " ")
        below = "\n" * line.count("\x00")
        return _called(indent, target or "", told if sign == "%" else "!" + told) + below
    return "pass" if _HELP.match(line) else line


def _called(indent: str, target: str, said: str) -> str:
    """Return a magic as the call of a function that is given every name its line may mean."""
    names = [w for w in dict.fromkeys(_WORD.findall(said)) if not keyword.iskeyword(w)]
    call = f"{MAGIC}({', '.join([ascii(said), *names])})"
    return f"{indent}{target} = {call}" if target else indent + call


def _opaque(source: str) -> Step:
    names = frozenset(w for w in _WORD.findall(source[:_LONGEST]) if not keyword.iskeyword(w))
    last = source.count("\n") + 1
    return Step(source.strip(), 1, last, reads=names, is_world=True)


def _step(node: ast.stmt) -> Step:
    reads, later, binds = _names(node)
    reads |= {
        one.target.id
        for one in _outside_functions(node)
        if isinstance(one, ast.AugAssign) and isinstance(one.target, ast.Name)
    }
    touches = tuple(dict.fromkeys(_touches(node)))
    magic = _magic(node)
    return Step(
        text=ast.dump(node),
        first=node.lineno,
        last=node.end_lineno or node.lineno,
        reads=frozenset(reads | ({one.name for one in touches} - binds)),
        binds=frozenset(binds),
        touches=touches,
        free=dict.fromkeys(binds, frozenset(later)) if later else {},
        node=node,
        is_world=bool(magic) and magic.split()[0] != "mlops",
        magic=magic,
    )


def _names(node: ast.stmt) -> tuple[set[str], set[str], set[str]]:
    """Return what a statement reads at once, what its functions read when called, what it binds."""
    try:
        table = symtable.symtable(ast.unparse(node), "cell", "exec")
    except (SyntaxError, ValueError, RecursionError):
        return {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}, set(), set()
    own = table.get_symbols()
    reads = {s.get_name() for s in own if s.is_referenced()}
    binds = {s.get_name() for s in own if s.is_assigned() or s.is_imported()}
    within = {name for child in table.get_children() for name in _globals(child)}
    is_definition = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    holds = is_definition or isinstance(node, ast.ClassDef | ast.Assign | ast.AnnAssign)
    now = reads if is_definition else reads | within
    return now - _BUILTIN, (within - _BUILTIN if holds else set()), binds


def _globals(table: symtable.SymbolTable) -> Iterator[str]:
    for symbol in table.get_symbols():
        if symbol.is_global() and symbol.is_referenced():
            yield symbol.get_name()
    for child in table.get_children():
        yield from _globals(child)


def _touches(node: ast.stmt) -> Iterator[Touch]:
    for one in _outside_functions(node):
        if isinstance(one, ast.Assign | ast.AnnAssign | ast.AugAssign | ast.Delete):
            yield from _stored(one)
        elif isinstance(one, ast.Call):
            yield from _called_upon(one)
        elif isinstance(one, ast.Expr) and isinstance(one.value, ast.Call):
            yield from _for_its_effect(one.value)


def _outside_functions(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
        return
    yield node
    for child in ast.iter_child_nodes(node):
        yield from _outside_functions(child)


def _stored(node: ast.Assign | ast.AnnAssign | ast.AugAssign | ast.Delete) -> Iterator[Touch]:
    """Go through the names of which a part is set: `frame["a"] = …`, `thing.a += 1`."""
    targets: list[ast.expr] = (
        node.targets if isinstance(node, ast.Assign | ast.Delete) else [node.target]
    )
    read = {ast.dump(n) for n in ast.walk(getattr(node, "value", None) or node) if n not in targets}
    for target in targets:
        if isinstance(target, ast.Attribute | ast.Subscript) and (name := _root(target)):
            again = (
                isinstance(node, ast.AugAssign)
                or ast.dump(target).replace("ctx=Store()", "ctx=Load()") in read
            )
            yield Touch(name, "again" if again else "once")


def _called_upon(call: ast.Call) -> Iterator[Touch]:
    """Go through the names that a call changes wherever it stands, by the name of its method."""
    if not isinstance(call.func, ast.Attribute):
        return
    name, method = _root(call.func.value), call.func.attr
    if name and method in _FITS:
        yield Touch(name, "anew")
    elif name and (method in _GROWS or any(k.arg == "inplace" for k in call.keywords)):
        yield Touch(name, "again" if method in _GROWS else "once")
    if method in _ARGUED:
        yield from (Touch(one, "again") for one in map(_root, call.args) if one)


def _for_its_effect(call: ast.Call) -> Iterator[Touch]:
    """Go through the names that a call as a statement may change: why else would it stand alone?"""
    func = call.func
    if isinstance(func, ast.Name) and func.id not in _BUILTIN:
        yield from (Touch(n.id, "again") for n in call.args if isinstance(n, ast.Name))
    if not isinstance(func, ast.Attribute):
        return
    method, name = func.attr, _straight(func.value)
    known = method in _FITS | _GROWS | _LOOKS or method.startswith(_LOOKING)
    if name and not known and not any(k.arg == "inplace" for k in call.keywords):
        yield Touch(name)


def _root(node: ast.AST) -> str:
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


def _straight(node: ast.AST) -> str:
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _magic(node: ast.stmt) -> str:
    """Return the line of a magic, without its sign."""
    value = getattr(node, "value", None)
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == MAGIC:
        said = value.args[0]
        return str(said.value).strip() if isinstance(said, ast.Constant) else ""
    return ""


def _calls_register(step: Step) -> bool:
    if step.node is None or isinstance(step.node, ast.FunctionDef | ast.ClassDef):
        return False
    return any(
        isinstance(n, ast.Call)
        and isinstance(n.func, ast.Attribute)
        and n.func.attr == "register"
        and any(told.arg == "name" for told in n.keywords)
        for n in ast.walk(step.node)
    )
