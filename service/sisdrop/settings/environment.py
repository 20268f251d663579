"""The variables of the environment as a tree of plain values, and what is wrong with them.

Pure: the environment is handed in. `SISDROP_SFTP__PORT` sets `sftp.port`; lists and groups are
JSON.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic.fields import FieldInfo

from sisdrop.errors import Problem
from sisdrop.settings.problems import key_path, unknown
from sisdrop.settings.section import Section
from sisdrop.settings.tree import Tree, is_list, is_map, is_optional, keys_of, section_of, wanted

PREFIX = "SISDROP_"
CONFIG_VARIABLE = "SISDROP_CONFIG"
_BETWEEN = "__"
_SERVICE_HOST = "_SERVICE_HOST"

Path = tuple[str, ...]


@dataclass
class FromEnvironment:
    """What the variables say, what is wrong with them, and which variable set which path."""

    tree: Tree = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    variables: dict[tuple[str | int, ...], str] = field(default_factory=dict)


def variable_for(path: Path) -> str:
    """The variable that sets a key."""
    return PREFIX + _BETWEEN.join(path).upper()


def variables_of(section: type[Section], path: Path = ()) -> Iterator[tuple[Path, FieldInfo]]:
    """Each key that a variable of its own can set; what stands in lists has none."""
    for key, what in keys_of(section).items():
        yield (*path, key), what
        below = section_of(what)
        if below is not None and not is_list(what):
            yield from variables_of(below, (*path, key))


def read_environment(environ: Mapping[str, str], section: type[Section]) -> FromEnvironment:
    """The keys that the variables set.

    Variables that Kubernetes injects for a Service of our name are passed over.
    """
    known = {variable_for(path): (path, what) for path, what in variables_of(section)}
    found = FromEnvironment()
    # In this order a group comes before its own keys, which then win.
    for name in sorted(name for name in environ if name.startswith(PREFIX)):
        if name == CONFIG_VARIABLE or _is_injected(name, environ):
            continue
        if name not in known:
            found.problems.append(Problem(name, unknown(name, list(known))))
            continue
        path, what = known[name]
        try:
            _place(found.tree, path, _read(environ[name], what))
            found.variables[path] = name
        except (ValueError, RecursionError):
            message = f"is not JSON; give {wanted(what)}, as JSON (set by {name})"
            found.problems.append(Problem(key_path(path), message))
    return found


def merge(section: type[Section], under: Any, over: Any) -> Any:
    """Two trees as one: `over` wins, key by key where both have a group of keys."""
    if not isinstance(under, dict) or not isinstance(over, dict):
        return over
    merged = dict(under)
    for key, value in over.items():
        what = keys_of(section).get(key)
        below = section_of(what) if what is not None and not is_list(what) else None
        merged[key] = merge(below, under.get(key), value) if below is not None else value
    return merged


def _read(text: str, what: FieldInfo) -> Any:
    if is_optional(what) and text.strip() == "null":
        return None
    is_json = section_of(what) is not None or is_list(what) or is_map(what)
    return json.loads(text) if is_json else text


def _place(tree: Tree, path: Path, value: Any) -> None:
    for step in path[:-1]:
        below = tree.get(step)
        tree[step] = below if isinstance(below, dict) else {}
        tree = tree[step]
    tree[path[-1]] = value


def _is_injected(name: str, environ: Mapping[str, str]) -> bool:
    """Whether Kubernetes made a variable: for `sisdrop`, or a Service whose host it also names."""
    hosts = (other for other in environ if other.endswith(_SERVICE_HOST))
    services = {PREFIX.removesuffix("_"), *(host.removesuffix(_SERVICE_HOST) for host in hosts)}
    return any(
        name in (f"{service}{_SERVICE_HOST}", f"{service}_PORT")
        or name.startswith((f"{service}_SERVICE_PORT", f"{service}_PORT_"))
        for service in services
    )
