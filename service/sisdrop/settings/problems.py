"""What pydantic found wrong, in words for the administrator of a campus.

Pure. A message says what is wrong and what to give; it never repeats what may be a secret.
"""

import difflib
from collections.abc import Mapping, Sequence

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from sisdrop.errors import Problem
from sisdrop.settings.leaf import REFUSED, shown
from sisdrop.settings.section import Section
from sisdrop.settings.tree import Step, field_at, keys_of, section_of, wanted

Variables = Mapping[tuple[Step, ...], str]

# How pydantic ends the path of a refused key of a map.
_MAP_KEY = "[key]"


def key_path(path: Sequence[Step]) -> str:
    """A path as people write it: `streams[0].match[1]`."""
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return "".join(steps).removeprefix(".")


def unknown(word: str, known: Sequence[str]) -> str:
    """That a name is not known, and which one was probably meant."""
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]}?" if close else f"known here are {', '.join(known)}"
    return f"is not known; {hint}"


def problems_of(
    error: ValidationError, section: type[Section], variables: Variables
) -> list[Problem]:
    """Each finding as a problem; `variables` says which paths the environment has set."""
    findings = error.errors(include_url=False)
    return [_problem(found, section, variables) for found in findings if not _is_echo(found)]


def _problem(found: ErrorDetails, section: type[Section], variables: Variables) -> Problem:
    culprit = found.get("ctx", {}).get("key")
    path = tuple(step for step in found["loc"] if step != _MAP_KEY)
    if culprit is not None:
        path = tuple(culprit.split("."))
    message = _message(found, section, path)
    origins = (variables.get(path[:length]) for length in range(len(path), 0, -1))
    origin = next(filter(None, origins), None)
    return Problem(key_path(path), f"{message} (set by {origin})" if origin else message)


def _is_echo(found: ErrorDetails) -> bool:
    """A list counts as empty when each of its items was refused, which is said already."""
    return found["type"] == "too_short" and bool(found["input"])


def _message(found: ErrorDetails, section: type[Section], path: Sequence[Step]) -> str:
    field = field_at(section, path)
    if found["type"] == REFUSED:
        return str(found["ctx"]["message"])
    if found["type"] == "extra_forbidden":
        return unknown(str(path[-1]), _known(section, path[:-1]))
    allowed = wanted(field) if field is not None else "another value"
    if found["type"] == "missing":
        return f"is required; give {allowed}"
    if found["type"] == "too_short":
        return f"is empty; give {allowed}"
    return f"{_refused(field, found['input'])} is not allowed; give {allowed}"


def _known(section: type[Section], path: Sequence[Step]) -> list[str]:
    parent = field_at(section, path)
    here = section if parent is None else section_of(parent)
    return list(keys_of(here)) if here is not None else []


def _refused(field: FieldInfo | None, value: object) -> str:
    """What stands where keys should stand may be a secret that slipped; it is not repeated."""
    if isinstance(value, str) and (field is None or section_of(field) is not None):
        return "a text"
    return shown(value)
