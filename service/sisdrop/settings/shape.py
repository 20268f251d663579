"""The settings as other programs see them: a JSON Schema, and plain data in human forms."""

from typing import Any

from sisdrop.settings.intake import GuardOverride
from sisdrop.settings.model import Settings
from sisdrop.settings.section import Section
from sisdrop.settings.tree import default_of, is_plain_section, keys_of, section_of

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def settings_schema() -> dict[str, Any]:
    """The JSON Schema of the settings file, with durations and sizes in their human forms."""
    schema = Settings.model_json_schema()
    _write_defaults(schema, Settings, schema["$defs"])
    return {"$schema": _DIALECT} | schema


def effective(settings: Settings) -> dict[str, Any]:
    """The settings as plain data in human forms, which read again give the same settings.

    Secrets appear as the paths of their files.
    """
    return settings.model_dump(mode="json", by_alias=True)


def _write_defaults(schema: dict[str, Any], section: type[Section], named: dict[str, Any]) -> None:
    """Put each default in the form of the settings file, which is not how it is kept."""
    for key, field in keys_of(section).items():
        written = schema["properties"][key]
        below = section_of(field)
        if below is not None:
            _write_defaults(named[below.__name__], below, named)
        # A stream's guard changes only the keys that it gives: nothing stands in for the others.
        written.pop("default", None)
        if not field.is_required() and not is_plain_section(field) and section is not GuardOverride:
            written["default"] = default_of(field)
