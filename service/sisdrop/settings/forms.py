"""How single values of the settings are read from YAML, JSON or an environment variable.

Pure. Each function returns the value or raises ValueError; `fields.py` says in words what is
allowed, so the texts raised here are seen by nobody.
"""

import ipaddress
import re
from pathlib import Path
from typing import Literal

from sisdrop.units import format_percentage, parse_percentage, parse_zone

BUILTIN_RULES = ("alma", "ishare-public")
BUILTIN_SCHEMA = "builtin"
OFF = "off"

Auto = Literal["auto"]
AUTO: Auto = "auto"

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,252}[A-Za-z0-9.])?", re.ASCII)
_ADDRESS = re.compile(r"[^\s@<>,;\"]{1,64}@[A-Za-z0-9][A-Za-z0-9.-]{0,252}", re.ASCII)
_RULE_GLOB = re.compile(r"[a-z0-9.*?\[\]!-]{1,100}", re.ASCII)
_SUFFIX = re.compile(r"\.[A-Za-z0-9._-]{1,30}", re.ASCII)
_SLUG = re.compile(r"[a-z0-9-]{1,32}", re.ASCII)
_SWITCH = {"true": True, "false": False}
_HIGHEST_PORT = 65535


def text(raw: object) -> str:
    """A text, and nothing that was read as another type."""
    if not isinstance(raw, str):
        raise ValueError("not a text")  # noqa: TRY004  # every refusal of a value is a ValueError
    return raw


def line(raw: object) -> str:
    """A text on one line that says something, without blanks around it."""
    found = text(raw).strip()
    if not found or not found.isprintable():
        raise ValueError("empty or not printable")
    return found


def token(raw: object) -> str:
    """A text without any blank in it."""
    found = line(raw)
    if re.search(r"\s", found):
        raise ValueError("holds a blank")
    return found


def whole(raw: object) -> int:
    """A whole number, also from the text of an environment variable."""
    if isinstance(raw, int) and not isinstance(raw, bool):
        return raw
    found = text(raw).strip()
    if re.fullmatch(r"-?\d{1,18}", found, re.ASCII) is None:
        raise ValueError("not a number")
    return int(found)


def switch(raw: object) -> bool:
    """True or false, also from the text of an environment variable."""
    found = raw if isinstance(raw, bool) else _SWITCH.get(text(raw).strip().lower())
    if found is None:
        raise ValueError("neither true nor false")
    return found


def limit(raw: object) -> float | None:
    """A percentage as a fraction; None where the limit is off.

    Programs that write YAML 1.1 turn a bare `off` into false.
    """
    if raw is None or raw is False:
        return None
    if raw is not True and raw == 0:
        return 0.0
    found = text(raw).strip().lower()
    if found in (OFF, "false"):
        return None
    return 0.0 if found == "0" else parse_percentage(found)


def show_limit(fraction: float | None) -> str:
    """A limit as the settings write it."""
    return OFF if fraction is None else format_percentage(fraction)


def workers(raw: object) -> int | Auto:
    """A number of threads from 1 up, or `auto`."""
    if isinstance(raw, str) and raw.strip().lower() == AUTO:
        return AUTO
    number = whole(raw)
    if number < 1:
        raise ValueError("nobody would work")
    return number


def path(raw: object) -> Path:
    """A full path; a relative one would depend on where the service was started."""
    found = Path(raw if isinstance(raw, Path) else line(raw))
    if not found.is_absolute():
        raise ValueError("not a full path")
    return found


def schema(raw: object) -> Path | None:
    """The path of an XSD; None for the built-in one."""
    return None if raw is None or raw == BUILTIN_SCHEMA else path(raw)


def rules(raw: object) -> str:
    """The name of a built-in rule set, or the full path of a rule file."""
    return str(raw) if raw in BUILTIN_RULES else str(path(raw))


def rule_glob(raw: object) -> str:
    """A rule id or a pattern of them; rules about the form of the file cannot be changed."""
    found = line(raw)
    if _RULE_GLOB.fullmatch(found) is None or found.startswith(("xml.", "zip.")):
        raise ValueError("no rule has such a name")
    return found


def slug(raw: object) -> str:
    """A short name that is safe in file names, labels and logs."""
    found = text(raw)
    if _SLUG.fullmatch(found) is None:
        raise ValueError("not a short name")
    return found


def zone(raw: object) -> str:
    """The name of a time zone that the system knows."""
    found = line(raw)
    parse_zone(found)
    return found


def file_pattern(raw: object) -> str:
    """A pattern of file names, without a folder."""
    found = line(raw)
    if "/" in found:
        raise ValueError("names a folder")
    return found


def suffix(raw: object) -> str:
    """The ending of a marker file: not one that a patron file has itself."""
    found = text(raw)
    if _SUFFIX.fullmatch(found) is None or found.lower() in (".xml", ".zip"):
        raise ValueError("no ending of a marker")
    return found


def host(raw: object) -> str:
    """The name or address of a machine: no scheme, no user, no port."""
    found = text(raw).strip()
    if ":" in found:
        return str(ipaddress.ip_address(found))
    if _HOST.fullmatch(found) is None:
        raise ValueError("not the name of a host")
    return found


def endpoint(raw: object) -> str:
    """A host and a port, with a colon between."""
    name, _, port = text(raw).strip().rpartition(":")
    if not 1 <= whole(port) <= _HIGHEST_PORT:
        raise ValueError("not a port")
    bare = name.removeprefix("[").removesuffix("]")
    return f"[{host(bare)}]:{whole(port)}" if ":" in bare else f"{host(bare)}:{whole(port)}"


def address(raw: object) -> str:
    """A bare mail address."""
    found = text(raw).strip()
    if _ADDRESS.fullmatch(found) is None:
        raise ValueError("not an address")
    return found
