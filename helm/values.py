"""The values of the chart and what is said of each, from values.yaml and its comments. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

_LINE = re.compile(r"(?P<indent> *)(?:# ?(?P<comment>.*)|(?P<key>\w+):.*)?$")
_SAID = "-- "


@dataclass(frozen=True)
class Value:
    """One value: its path with dots, its default, and what is said of it."""

    path: str
    default: Any
    said: str


def read_values(text: str) -> list[Value]:
    """All values that are documented, in their order."""
    tree = yaml.safe_load(text)
    return [Value(path, _at(tree, path), said) for path, said in _documented(text)]


def leaves(tree: Any, path: str = "") -> Iterator[str]:
    """The paths of everything that is no mapping, or an empty one."""
    if not isinstance(tree, dict) or not tree:
        yield path
        return
    for key, branch in tree.items():
        yield from leaves(branch, f"{path}.{key}" if path else key)


def _at(tree: Any, path: str) -> Any:
    for key in path.split("."):
        tree = tree[key]
    return tree


def _documented(text: str) -> Iterator[tuple[str, str]]:
    above: list[tuple[int, str]] = []
    said: list[str] = []
    for line in text.splitlines():
        found = _LINE.match(line)
        if found is None or not line.strip():
            said = []
            continue
        if found["key"] is None:
            comment = found["comment"] or ""
            said = (
                [comment.removeprefix(_SAID)]
                if comment.startswith(_SAID)
                else said + [comment] * bool(said)
            )
            continue
        indent = len(found["indent"])
        above = [*(pair for pair in above if pair[0] < indent), (indent, found["key"])]
        if said:
            yield ".".join(key for _, key in above), " ".join(said)
        said = []
