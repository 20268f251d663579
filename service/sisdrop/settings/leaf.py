"""What one value of the settings may be: how it is read, written back, described, explained.

Every value that is not a section or a list has a `Leaf`, so each refusal says in plain words what
is allowed, and no refusal shows what may be a secret.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from sisdrop.settings import forms
from sisdrop.units import DAY, DURATION_PATTERN, format_duration, parse_duration

REFUSED = "sisdrop_refused"
_LONGEST_SHOWN = 40
_LONGEST_TIME = 3650 * DAY
_KINDS: Mapping[type, str] = {
    type(None): "an empty value",
    list: "a list",
    tuple: "a list",
    dict: "a group of keys",
}


@dataclass(frozen=True, eq=False)
class Leaf:
    """One kind of value. `parse` raises ValueError; `allowed` completes the sentence "give …".

    A `secret` value is never repeated in a refusal.
    """

    allowed: str
    parse: Callable[[object], object]
    schema: Mapping[str, object]
    show: Callable[[Any], object] = str
    secret: bool = False

    def __get_pydantic_core_schema__(self, _: object, __: GetCoreSchemaHandler) -> CoreSchema:
        """Replace the type's own reading and writing by ours."""
        return core_schema.no_info_plain_validator_function(
            self._read, serialization=core_schema.plain_serializer_function_ser_schema(self.show)
        )

    def __get_pydantic_json_schema__(
        self, _: CoreSchema, __: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """The human form, for editors and other programs."""
        return dict(self.schema)

    def _read(self, raw: object) -> object:
        try:
            return self.parse(raw)
        except ValueError:
            raise refused(f"{self._shown(raw)} is not allowed; give {self.allowed}") from None

    def _shown(self, raw: object) -> str:
        return "this value" if self.secret else shown(raw)


def refused(message: str, key: str | None = None) -> PydanticCustomError:
    """A refusal in our own words; `key` is the culprit's path where it is another field."""
    return PydanticCustomError(REFUSED, "{message}", {"message": message, "key": key})


def shown(raw: object) -> str:
    """A refused value as the administrator wrote it, unless it may hold a secret."""
    if isinstance(raw, str):
        may_show = len(raw) <= _LONGEST_SHOWN and raw.isprintable() and "@" not in raw
        return (raw if may_show else "this value") if raw.strip() else "an empty text"
    if isinstance(raw, bool | int | float):
        return str(raw).lower()
    return _KINDS.get(type(raw), "this value")


def duration(allowed: str, low: float = 0.0, *, zero: bool = False) -> Leaf:
    """A duration from `low` seconds to ten years; `zero` says whether none at all is one."""

    def parse(raw: object) -> float:
        seconds = parse_duration(forms.text(raw))
        if not low <= seconds <= _LONGEST_TIME or not (seconds or zero):
            raise ValueError("out of bounds")
        return seconds

    return Leaf(allowed, parse, {"type": "string", "pattern": DURATION_PATTERN}, format_duration)


def whole(low: int, high: int | None = None) -> Leaf:
    """A whole number from `low` to `high`, both allowed."""
    allowed = f"a number from {low} up" if high is None else f"a number from {low} to {high}"
    bounds = {"minimum": low} if high is None else {"minimum": low, "maximum": high}

    def parse(raw: object) -> int:
        number = forms.whole(raw)
        if number < low or (high is not None and number > high):
            raise ValueError("out of bounds")
        return number

    return Leaf(allowed, parse, {"type": "integer", **bounds}, int)


def choice(words: type[StrEnum]) -> Leaf:
    """One of a closed list of words."""
    values = [word.value for word in words]

    def parse(raw: object) -> StrEnum:
        return words(forms.text(raw).strip().lower())

    return Leaf(f"one of {', '.join(values)}", parse, {"type": "string", "enum": values})


def saying(allowed: str, parse: Callable[[object], object], pattern: str = r"\S") -> Leaf:
    """A text that `parse` accepts."""
    return Leaf(allowed, parse, {"type": "string", "pattern": pattern})


def full_path(allowed: str, *, secret: bool = False) -> Leaf:
    """The full path of a file or folder."""
    return Leaf(allowed, forms.path, {"type": "string", "pattern": "^/"}, secret=secret)
