"""How values read for people: counts, times, sizes of shares, and text from outside.

Pure.
"""

import re
from datetime import UTC, datetime

# A first word that may take a capital; an element such as `expiry_date` keeps its spelling.
_FIRST_WORD = re.compile(r"(?!sisdrop\b)[a-z]+(?=[\s,:;'])")
# What people count of a field, if it is not people.
_VALUES: dict[str, tuple[str, ...]] = {
    "preferred_email": ("address", "addresses"),
    "preferred_address": ("address", "addresses"),
    "phone": ("phone number",),
    "note": ("note",),
    "block": ("block",),
    "statistic": ("statistic",),
    "expiry_date": ("expiry date",),
    "purge_date": ("purge date",),
}


def visible(text: str) -> str:
    r"""The text with each unprintable character spelled out, as `\n` or `\u202e`."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii")
        for char in text
    )


def number(value: int) -> str:
    """A count with thousands separators."""
    return f"{value:,}"


def quantity(value: int, one: str, many: str | None = None) -> str:
    """A count with its noun: `1 record`, `1,200 records`."""
    return f"{number(value)} {one if value == 1 else many or one + 's'}"


def percent(part: int, whole: int) -> str:
    """A share with one decimal that never rounds up to all or down to none."""
    if whole == 0:
        return "-"
    rounded = round(1000 * part / whole)
    if part < whole:
        rounded = min(rounded, 999)
    if part > 0:
        rounded = max(rounded, 1)
    return f"{rounded / 10:.1f} %"


def rfc3339(moment: datetime) -> str:
    """An aware time as UTC text for programs: `2026-11-23T19:03:01Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def clock_time(moment: datetime) -> str:
    """An aware time as UTC text for people: `2026-11-23 19:03 UTC`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def label(code: str) -> str:
    """A field's or state's code as people write it: `preferred_email` is `Preferred email`."""
    words = field_words(code).strip()
    return words[:1].upper() + words[1:]


def sentence(text: str) -> str:
    """The text as a sentence of its own: a capital first, a full stop last."""
    text = text.strip()
    if _FIRST_WORD.match(text):
        text = text[0].upper() + text[1:]
    return text if not text or text.endswith((".", "!", "?", ".)")) else f"{text}."


def hex_pairs(digits: str) -> str:
    """Hex digits in pairs, as in a hex editor: `e2 80 99`."""
    return " ".join(digits[at : at + 2] for at in range(0, len(digits), 2))


def field_values(name: str, count: int) -> str:
    """So many values of a field: `9,412 addresses`, `1 phone number`."""
    if name.startswith("identifier:"):
        return quantity(count, "identifier")
    if name in _VALUES:
        return quantity(count, *_VALUES[name])
    return f"it for {quantity(count, 'person', 'people')}"


def field_words(name: str) -> str:
    """A field of the profile as people call it."""
    if name.startswith("identifier:"):
        return f"identifier of type {name.removeprefix('identifier:')}"
    return name.replace("_", " ")
