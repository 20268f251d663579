"""The page of all settings, made from the settings themselves.

`python -m sisdrop.settings_page > docs/configuration.md` writes it; a test keeps it fresh.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import yaml
from pydantic.fields import FieldInfo

from sisdrop.settings import Settings, effective, fields
from sisdrop.settings.environment import variable_for
from sisdrop.settings.intake import GuardOverride, InboxSettings
from sisdrop.settings.outgoing import SftpSettings
from sisdrop.settings.section import Section
from sisdrop.settings.tree import (
    default_of,
    is_list,
    is_optional,
    is_plain_section,
    keys_of,
    section_of,
    wanted,
)

_HEAD = """\
# Settings

Generated from the settings themselves by `python -m sisdrop.settings_page`; do not edit.

Settings stand in a YAML file, by default `/etc/sisdrop/config.yaml`, or where `--config` or
`SISDROP_CONFIG` says. Each key can also be set by the environment variable beside it, which wins;
lists and groups of keys are JSON there. Unknown keys, unknown variables that begin with `SISDROP_`
and values that cannot be are refused before anything starts, all at once. Variables that Kubernetes
injects for a Service named `sisdrop` are passed over.

- **Durations** carry their unit: `500ms`, `90s`, `15m`, `36h`, `60d`.
- **Sizes** carry their unit: `100B`, `500kB`, `64MiB`, `8GiB`.
- **Limits** are percentages without an upper bound: `20%`. `0` allows nothing, `off` (or null)
  lifts the limit.
- **Secrets** are never settings; a setting names the file that holds one.
"""

_TABLE = """\
| key | default | what it means | variable |
|---|---|---|---|
"""

_EXAMPLE_HEAD = """\
## A complete file

The required keys, and every other key with its default. Only what differs need be written.
"""


def configuration_page() -> str:
    """The whole page as Markdown."""
    tables = [_table(Settings, ()), *_sections()]
    return "\n".join([_HEAD, *tables, _EXAMPLE_HEAD, f"```yaml\n{_example()}```\n"])


def _sections() -> Iterator[str]:
    for key, field in keys_of(Settings).items():
        section = section_of(field)
        if section is None:
            continue
        optional = f" {field.description}" if is_optional(field) else ""
        yield f"## {key}\n\n{(section.__doc__ or '').strip()}{optional}\n"
        yield _table(section, (f"{key}[]" if is_list(field) else key,))


def _table(section: type[Section], path: tuple[str, ...]) -> str:
    return _TABLE + "".join(f"| {' | '.join(row)} |\n" for row in _rows(section, path))


def _rows(section: type[Section], path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for key, field in keys_of(section).items():
        below = section_of(field)
        if below is not None and is_plain_section(field) and path:
            yield from _rows(below, (*path, key))
        elif below is not None and not path:
            continue
        else:
            here = (*path, key)
            yield f"`{'.'.join(here)}`", _default(field), _meaning(field), _variable(here)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "**required**"
    default = default_of(field)
    return f"`{default if isinstance(default, str) else json.dumps(default)}`"


def _meaning(field: FieldInfo) -> str:
    below = section_of(field)
    if below is not None:
        like = "guard" if below is GuardOverride else "expect"
        return f"{field.description} Keys as in [{like}](#{like})."
    allowed = wanted(field)
    give = "" if allowed in fields.COMMON else f" Give {allowed}."
    return f"{field.description}{give}".replace("|", "\\|")


def _variable(path: tuple[str, ...]) -> str:
    if path[0].endswith("[]"):
        return f"in `{variable_for((path[0].removesuffix('[]'),))}`"
    return f"`{variable_for(path)}`"


def _example() -> str:
    settings = Settings(
        inbox=InboxSettings(path=Path("/inbox")),
        data=Path("/data"),
        sftp=SftpSettings(
            host="files.carli.illinois.edu",
            username="abcftp",
            key=Path("/secrets/id_ed25519"),
            known_hosts=Path("/secrets/known_hosts"),
        ),
    )
    return yaml.safe_dump(effective(settings), sort_keys=False, default_flow_style=None, width=100)


if __name__ == "__main__":
    sys.stdout.write(configuration_page())
