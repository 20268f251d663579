"""Put what libxml2 says about a record into constant sentences. Pure.

libxml2's own messages repeat values from the file, so nothing of them is passed on but numbers
and type names that come from the schema.
"""

import re
from dataclasses import dataclass
from typing import Any

_INDEX = re.compile(r"\[\d+\]")
_RECORD = re.compile(r"\A/users/user(?:\[(\d+)\])?(/.*)?\Z", re.DOTALL)
# Looked for at the beginning of each name only: a name may be 50,000 characters.
_PREFIX = re.compile(r"(?<![^/])[^/:]++:")
_ATOMIC = re.compile(r"is not a valid value of the atomic type '(?:xs:)?(\w+)'\.\Z")
_EMPTY = re.compile(r"\AElement '[^']*': '' is not a valid value")
_MISSING = re.compile(r"\AElement '[^']*': Missing child element")
_ATTRIBUTE = re.compile(r"\AElement '[^']*', attribute '([A-Za-z_]{1,40})': ")
_MAXIMUM = re.compile(r"maximum length of '(\d{1,9})'\.\Z")
_LONGEST_PATH = 200

_TYPES = {
    "date": "is not a valid date (YYYY-MM-DD)",
    "dateTime": "is not a valid date and time (YYYY-MM-DDThh:mm:ss)",
    "boolean": "is neither true nor false (lower case)",
    "int": "is not a whole number",
    "long": "is not a whole number",
    "float": "is not a number",
}
_SENTENCES = {
    "SCHEMAV_CVC_COMPLEX_TYPE_2_1": "holds something although it must be empty",
    "SCHEMAV_CVC_COMPLEX_TYPE_2_3": "holds text where only elements may stand",
    "SCHEMAV_CVC_COMPLEX_TYPE_3_2_1": "has an attribute that the schema does not know",
    "SCHEMAV_CVC_COMPLEX_TYPE_3_2_2": "has an attribute that the schema does not know",
    "SCHEMAV_CVC_COMPLEX_TYPE_4": "is missing a required attribute",
    "SCHEMAV_CVC_TYPE_3_1_1": "has an attribute that the schema does not know",
    "SCHEMAV_CVC_TYPE_3_1_2": "holds elements where only text may stand",
    "SCHEMAV_CVC_MINLENGTH_VALID": "is too short",
    "SCHEMAV_CVC_ENUMERATION_VALID": "is not one of the values that the schema allows",
    "SCHEMAV_CVC_PATTERN_VALID": "does not have the form that the schema wants",
    "SCHEMAV_CVC_ELT_1": "stands in the wrong place or is not known here",
}
UNKNOWN_PLACE = "stands in the wrong place or is not known here"
CROWDED = "breaks the schema somewhere among so many elements that the place is not looked for"
STRAY_TEXT = "holds text between the records"
_EMPTY_VALUE = "is empty: fill it in, or leave the element out"
_OTHERWISE = "is not what the schema wants"


@dataclass(frozen=True, slots=True)
class SchemaFault:
    """One thing that the schema does not accept: the element's path, a sentence, the line."""

    element: str
    sentence: str
    line: int


def describe(entry: Any) -> SchemaFault:
    """Translate one entry of lxml's error log; its line is as lxml counted it."""
    return SchemaFault(_element(entry.path or ""), _sentence(entry), entry.line)


def place_of(entry: Any) -> int | None:
    """Which record of the document an error is in, counted from 0; None if that is not certain.

    It is not when an error is about a child of the root that is no record: libxml2 does not look
    at what follows, and counts only the children of the same name.
    """
    path = _RECORD.match(entry.path or "")
    if path is None or (
        path[2] is None
        and entry.type_name == "SCHEMAV_ELEMENT_CONTENT"
        and not _MISSING.match(entry.message)
    ):
        return None
    return int(path[1] or 1) - 1


def _element(path: str) -> str:
    """`/users/user[3]/a:emails[1]` as `user/emails`."""
    plain = _PREFIX.sub("", _INDEX.sub("", path)).strip("/")
    return plain.removeprefix("users/")[:_LONGEST_PATH]


def _sentence(entry: Any) -> str:
    message: str = entry.message
    attribute = _ATTRIBUTE.match(message)
    subject = f"attribute {attribute[1]} " if attribute and _is_about_value(entry) else ""
    return subject + _predicate(entry.type_name, message)


def _is_about_value(entry: Any) -> bool:
    """Only then is the attribute's name one that the schema knows."""
    return str(entry.type_name) not in _SENTENCES


def _predicate(kind: str, message: str) -> str:
    if kind == "SCHEMAV_ELEMENT_CONTENT":
        return "is missing a required element" if _MISSING.match(message) else UNKNOWN_PLACE
    if kind == "SCHEMAV_CVC_MAXLENGTH_VALID":
        most = _MAXIMUM.search(message)
        return f"is too long (at most {most[1]} characters)" if most else "is too long"
    if kind in _SENTENCES:
        return _SENTENCES[kind]
    atomic = _ATOMIC.search(message)
    sentence = _TYPES.get(atomic[1], _OTHERWISE) if atomic else _OTHERWISE
    if _EMPTY.match(message) and sentence in _TYPES.values():
        return _EMPTY_VALUE
    return sentence
