"""Whether a pattern for the zip's remote name is one that can be relied on.

Pure. The name must tell two deliveries apart (time, stream, content), sort by time, be safe on any
server, and never look like a hidden or temporary file.
"""

import re
import string
from datetime import UTC, datetime

_NEEDED = ("utc", "stream", "digest")
_SAMPLE = {
    "utc": datetime(2026, 11, 23, 19, 3, 1, tzinfo=UTC),
    "order": 1,
    "stream": "s" * 32,
    "digest": "0123456789abcdef" * 4,
}
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\.zip", re.ASCII)
_NAME_BYTES = 255
_WIDEST = re.compile(r"\d{4,}")
_DIGEST_DIGITS = 8


def check_remote_name(pattern: str) -> str:
    """Hand the pattern back if names made from it are unique, safe and end in `.zip`.

    Raises:
        ValueError: saying in plain words what is wrong with it.
    """
    fields = _fields(pattern)
    if not set(fields) <= set(_SAMPLE):
        raise ValueError(f"has other fields than {', '.join(_SAMPLE)}")
    missing = [name for name in _NEEDED if name not in fields]
    if missing:
        raise ValueError(f"lacks the field {', '.join(f'{{{name}}}' for name in missing)}")
    _check_sample(_sample(pattern))
    return pattern


def _fields(pattern: str) -> list[str]:
    try:
        parts = list(string.Formatter().parse(pattern))
    except ValueError:
        raise ValueError("has a brace without its partner") from None
    for _, _, spec, conversion in parts:
        if conversion or "{" in (spec or "") or _WIDEST.search(spec or ""):
            raise ValueError("has a field with a format that is not allowed")
    return [name for _, name, _, _ in parts if name is not None]


def _sample(pattern: str) -> str:
    try:
        return pattern.format(**_SAMPLE)
    except (ValueError, TypeError):
        raise ValueError("has a field with a format that is not allowed") from None


def _check_sample(name: str) -> None:
    if not name.endswith(".zip"):
        raise ValueError("does not end with .zip")
    if _SAFE.fullmatch(name) is None:
        raise ValueError(
            "makes names with other characters than letters, digits, dot, dash and underscore,"
            " or names that begin with one of those three"
        )
    if len(name) > _NAME_BYTES:
        raise ValueError(f"makes names of more than {_NAME_BYTES} characters")
    if str(_SAMPLE["digest"])[:_DIGEST_DIGITS] not in name:
        raise ValueError(f"shows fewer than {_DIGEST_DIGITS} characters of the digest")
    if str(_SAMPLE["stream"]) not in name:
        raise ValueError("shows only a part of the stream's name")
