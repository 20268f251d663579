"""The types of the settings' values, each with its human form and its bounds."""

from pathlib import Path
from typing import Annotated

from sisdrop.guard import MIN_GROUP
from sisdrop.model import Severity
from sisdrop.settings import forms
from sisdrop.settings.leaf import Leaf, duration, full_path, saying, whole
from sisdrop.units import (
    DATE_RANGE_PATTERN,
    DAY,
    PERCENTAGE_PATTERN,
    SIZE_PATTERN,
    DateRange,
    format_size,
    parse_date_range,
    parse_size,
)

_TIME = "a duration with its unit, such as 90s, 15m, 36h or 60d"
_SIZE = "a size with its unit, such as 64MiB or 8GiB"
_LIMIT = "a percentage such as 20%, 0 for none at all, or off for no limit"
# What the page of all settings explains once, at its head.
COMMON = frozenset({_TIME, _SIZE, _LIMIT})
_LIMIT_SCHEMA = {
    "anyOf": [
        {"type": "string", "pattern": PERCENTAGE_PATTERN},
        {"enum": [forms.OFF, "0", 0, False, None]},
    ]
}


def _size(raw: object) -> int:
    size = parse_size(forms.text(raw))
    if not size:
        raise ValueError("no room at all")
    return size


def _days(raw: object) -> DateRange:
    return raw if isinstance(raw, DateRange) else parse_date_range(forms.text(raw))


def _severity(raw: object) -> Severity:
    """Programs that write YAML 1.1 turn a bare `off` into false."""
    return Severity.OFF if raw is False else Severity(forms.text(raw).strip().lower())


Duration = Annotated[float, duration(_TIME)]
DurationOrZero = Annotated[float, duration(f"{_TIME}, or 0s", zero=True)]
Retention = Annotated[float, duration("a duration from 1d to 3650d, such as 60d", DAY)]
Size = Annotated[
    int,
    Leaf(
        _SIZE,
        _size,
        {"type": "string", "pattern": SIZE_PATTERN},
        format_size,
    ),
]
Limit = Annotated[
    float | None,
    Leaf(
        _LIMIT,
        forms.limit,
        _LIMIT_SCHEMA,
        forms.show_limit,
    ),
]
Workers = Annotated[
    int | forms.Auto,
    Leaf(
        "auto, or a number from 1 up",
        forms.workers,
        {"anyOf": [{"const": forms.AUTO}, {"type": "integer", "minimum": 1}]},
        lambda workers: workers,
    ),
]
Count = Annotated[int, whole(0)]
GroupSize = Annotated[int, whole(MIN_GROUP)]
Port = Annotated[int, whole(1, 65535)]
PortOrAny = Annotated[int, whole(0, 65535)]
Switch = Annotated[bool, Leaf("true or false", forms.switch, {"type": "boolean"}, bool)]
Line = Annotated[str, saying("a text; put digits in quotes", forms.line)]
Token = Annotated[str, saying("a text without blanks; put digits in quotes", forms.token)]
Slug = Annotated[
    str,
    saying(
        "1 to 32 small letters, digits and dashes; put digits in quotes",
        forms.slug,
        "^[a-z0-9-]{1,32}$",
    ),
]
FilePattern = Annotated[
    str, saying('a pattern of file names without a folder, such as "*.xml"', forms.file_pattern)
]
Suffix = Annotated[
    str,
    saying(
        "an ending such as .done, other than .xml and .zip",
        forms.suffix,
        r"^\.[A-Za-z0-9._-]{1,30}$",
    ),
]
AbsolutePath = Annotated[Path, full_path("a full path, beginning with /")]
SecretFile = Annotated[
    Path, full_path("the full path of the file that holds it, beginning with /", secret=True)
]
Schema = Annotated[
    Path | None,
    Leaf(
        "builtin, or the full path of an XSD",
        forms.schema,
        {"type": ["string", "null"], "pattern": "^(builtin|/.*)$"},
        lambda found: forms.BUILTIN_SCHEMA if found is None else str(found),
    ),
]
Rules = Annotated[
    str,
    saying(
        f"one of {', '.join(forms.BUILTIN_RULES)}, or the full path of a rule file",
        forms.rules,
        f"^({'|'.join(forms.BUILTIN_RULES)}|/.*)$",
    ),
]
RuleGlob = Annotated[
    str,
    saying(
        'a rule id or a pattern such as "ishare.*"; rules whose id begins with xml. always reject',
        forms.rule_glob,
    ),
]
SeverityWord = Annotated[
    Severity,
    Leaf("one of error, warning, off", _severity, {"enum": ["error", "warning", "off", False]}),
]
Days = Annotated[
    DateRange, saying("a range such as 2026-12-24/2027-01-02", _days, DATE_RANGE_PATTERN)
]
Zone = Annotated[str, saying("UTC, or the name of a time zone such as America/Chicago", forms.zone)]
Host = Annotated[str, saying("the name or address of a machine, without a port", forms.host)]
Endpoint = Annotated[
    str, saying("a host and a port, such as smtp.example.edu:587", forms.endpoint, r":\d+$")
]
Address = Annotated[str, saying("a bare mail address", forms.address, "@")]
