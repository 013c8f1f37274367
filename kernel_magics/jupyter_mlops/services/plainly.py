"""YAML as people write it: plain values only, each of them written out, none of them twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

LONGEST: Final = 100_000
LARGEST: Final = 2**63


def mapping(text: str, wrong: Callable[[str], Exception]) -> dict[Any, Any]:
    """Return the mapping that a text of YAML holds; ``wrong`` makes the error that says why not.

    An alias, a tag, twice the same key, a text of more than 100,000 characters and a whole number
    that would take long to write out again are refused.
    """
    import yaml

    if len(text) > LONGEST:
        raise wrong(f"it is longer than {LONGEST} characters")
    try:
        told = yaml.load(text, _strict())  # noqa: S506  (a safe loader, stricter than the safe one)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise wrong(" ".join(str(error).split())[:200]) from None
    if not isinstance(told, dict):
        raise wrong("it is no mapping of names to values")
    if _is_too_large(told):
        raise wrong("a number in it is too large")
    return told


def _strict() -> Any:
    import yaml

    class Strict(yaml.SafeLoader):
        """Reads values only."""

        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.AliasEvent):
                raise yaml.YAMLError("an alias (*name) is not read here")
            return super().compose_node(parent, index)

        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            keys = [key.value for key, _ in node.value]
            twice = next((key for key in keys if keys.count(key) > 1), None)
            if twice is not None:
                raise yaml.YAMLError(f"{twice} stands twice")
            return super().construct_mapping(node, deep)

    return Strict


def _is_too_large(told: Any) -> bool:
    if isinstance(told, dict):
        return any(_is_too_large(part) for part in (*told, *told.values()))
    if isinstance(told, list):
        return any(map(_is_too_large, told))
    return isinstance(told, int) and abs(told) > LARGEST
