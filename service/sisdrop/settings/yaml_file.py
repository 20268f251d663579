"""A YAML text as a tree of plain values, and what is wrong with it.

Pure. A problem names the line and never what stands there, which may be a secret.
"""

import re
from collections.abc import Iterator
from typing import Any, cast

import yaml

from sisdrop.errors import Problem
from sisdrop.settings.problems import key_path
from sisdrop.settings.tree import Step, Tree

_NOT_YAML = "is not YAML; look at the indentation, colons and quotes there and one line above"
_MERGE = "<<"
_OWN_READING = ("tag:yaml.org,2002:bool", "tag:yaml.org,2002:timestamp")
# What the library raises for a value that is not of the type that a tag (`!!int x`) claims.
_BAD_TAG = (ValueError, LookupError, AttributeError)


class _Loader(yaml.SafeLoader):
    """Plain values only; yes, no, on, off and dates stay texts."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in _OWN_READING]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    _OWN_READING[0], re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)


def read_yaml(text: str, name: str) -> tuple[Tree, list[Problem]]:
    """The keys of a YAML text and its problems; `name` is what problems call the file."""
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        repeated = list(_repeated(node, (), set())) if node is not None else []
        tree = loader.construct_document(node) if node is not None else {}
    except yaml.MarkedYAMLError as wrong:
        mark = wrong.problem_mark or wrong.context_mark
        return {}, [Problem(name, f"line {mark.line + 1} {_NOT_YAML}" if mark else _NOT_YAML)]
    except (yaml.YAMLError, *_BAD_TAG, RecursionError):
        return {}, [Problem(name, "is not YAML; it holds characters or values that YAML has not")]
    if not isinstance(tree, dict):
        return {}, [Problem(name, "holds no keys; give lines such as data: /data")]
    return cast("Tree", _plain(tree, {})), repeated


def _repeated(node: yaml.Node, path: tuple[Step, ...], seen: set[yaml.Node]) -> Iterator[Problem]:
    """Each key that stands twice in one group, where YAML would silently take the last one."""
    if node in seen:
        return
    seen.add(node)
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _repeated(item, (*path, index), seen)
    if isinstance(node, yaml.MappingNode):
        lines: dict[str, int] = {}
        for key, value in node.value:
            name, line = str(key.value), key.start_mark.line + 1
            if name != _MERGE and lines.setdefault(name, line) != line:
                message = f"stands in line {lines[name]} and in line {line}; give it once"
                yield Problem(key_path((*path, name)), message)
            yield from _repeated(value, (*path, name), seen)


def _plain(value: Any, done: dict[int, Any]) -> Any:
    """The same tree with texts as keys; what an alias repeats stays one object.

    A YAML 1.1 writer turns the key `on` into true.
    """
    if id(value) in done:
        return done[id(value)]
    if isinstance(value, dict):
        tree: Tree = {}
        done[id(value)] = tree
        words = {True: "on", False: "off"}
        for key, below in value.items():
            name = words[key] if isinstance(key, bool) else str(key)
            tree[name] = _plain(below, done)
        return tree
    if isinstance(value, list):
        items: list[Any] = []
        done[id(value)] = items
        items.extend(_plain(item, done) for item in value)
        return items
    return value
