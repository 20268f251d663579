"""The keys of the settings as a tree: what stands where, what is allowed there, the defaults.

Pure. Keys are those of the YAML file (`from`, `schema`), not the attributes.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args, get_origin

from pydantic.fields import FieldInfo

from sisdrop.settings.leaf import Leaf
from sisdrop.settings.section import Section

Tree = dict[str, Any]
Step = str | int


def keys_of(section: type[Section]) -> dict[str, FieldInfo]:
    """The keys of a section and what each may be, in their order."""
    return {field.alias or name: field for name, field in section.model_fields.items()}


def section_of(field: FieldInfo) -> type[Section] | None:
    """The section that a key holds, also where it is optional or one of a list."""
    kinds = (part for part in _parts(field.annotation) if isinstance(part, type))
    return next((kind for kind in kinds if issubclass(kind, Section)), None)


def leaf_of(field: FieldInfo) -> Leaf | None:
    """The kind of value that a key holds, or that each item of its list or map is."""
    parts = [*field.metadata, *_parts(field.annotation)]
    return next((part for part in parts if isinstance(part, Leaf)), None)


def is_list(field: FieldInfo) -> bool:
    """Whether a key holds a list."""
    return get_origin(field.annotation) is tuple


def is_map(field: FieldInfo) -> bool:
    """Whether a key holds free keys with values."""
    return get_origin(field.annotation) is Mapping


def is_optional(field: FieldInfo) -> bool:
    """Whether a key may be null, beside its own values."""
    own = any(isinstance(part, Leaf) for part in field.metadata)
    return not own and type(None) in get_args(field.annotation)


def is_plain_section(field: FieldInfo) -> bool:
    """Whether a key holds a section that is always there."""
    return section_of(field) is not None and not is_list(field) and not is_optional(field)


def field_at(section: type[Section], path: Sequence[Step]) -> FieldInfo | None:
    """What stands at a path of keys and list indexes, if it is known."""
    found: FieldInfo | None = None
    here: type[Section] | None = section
    for step in path:
        if isinstance(step, int):
            continue
        found = keys_of(here).get(step) if here is not None else None
        here = section_of(found) if found is not None else None
    return found


def wanted(field: FieldInfo) -> str:
    """What to give for a key; completes the sentence "give …"."""
    section, leaf = section_of(field), leaf_of(field)
    if section is not None:
        what = f"keys and values ({', '.join(keys_of(section))})"
        return f"a list of groups of {what}" if is_list(field) else what
    each = leaf.allowed if leaf is not None else "a value"
    if is_map(field):
        return f"pairs of a rule and {each}"
    return f"a list, each item {each}" if is_list(field) else each


def default_of(field: FieldInfo) -> Any:
    """The default of a key as the settings write it. The key must have one."""
    return _written(field, field.get_default(call_default_factory=True, validated_data={}))


def with_defaults(section: type[Section], given: Any) -> Any:
    """The given tree with the default of each key that it lacks, in human form.

    What holds between two keys is then judged also where one of them is left out.
    """
    if not isinstance(given, dict | None):
        return given
    tree: Tree = dict(given or {})
    for key, field in keys_of(section).items():
        below = section_of(field)
        if below is not None and is_plain_section(field):
            tree[key] = with_defaults(below, tree.get(key))
        elif key not in tree and not field.is_required():
            tree[key] = default_of(field)
    return tree


def _written(field: FieldInfo, value: Any) -> Any:
    leaf = leaf_of(field)
    if isinstance(value, Section):
        return value.model_dump(mode="json", by_alias=True, exclude_unset=True)
    if isinstance(value, tuple):
        return [_written(field, item) for item in value]
    if leaf is None or isinstance(value, Mapping) or (value is None and is_optional(field)):
        return value
    return leaf.show(value)


def _parts(annotation: Any) -> Iterator[Any]:
    """A type and all that it is made of; of a map only the values."""
    yield annotation
    inner = get_args(annotation)
    for part in inner[-1:] if get_origin(annotation) is Mapping else inner:
        yield from _parts(part)
