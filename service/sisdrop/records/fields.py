"""The fields that files are compared by and rules ask for: where each stands, when it is there.

A field is looked for on a walk: on the record itself, or on each of some elements of it, such as
the addresses that are preferred. Pure: XPath as text, evaluated by `facts.py`.
"""

import re
from dataclasses import dataclass

_FILLED = re.compile(r"\bfilled\(([^()]*)\)")
# One comparison is enough for nearly all that are not, two for nearly all that are.
_PREFERRED = (
    "[@preferred != 'false' and (@preferred = 'true'"
    " or normalize-space(@preferred) = 'true' or normalize-space(@preferred) = '1')]"
)
# Upper and lower case make no difference; most write it small.
_SMALL = "translate(normalize-space(), 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz')"
# Two spaces apart, since no normalised text holds two together.
_TYPES = (
    ". = 'home' or . = 'school' or . = 'work' or"
    f" contains('  home  work  alternative  school  ', concat('  ', {_SMALL}, '  '))"
)


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its name, and the XPath that is true where it is there.

    `counted` says that files are compared by the share of records that have it. `told` says that
    a record's facts tell its text (`facts.COLUMNS`), so that nobody need ask. `rare` says that most
    records lack it. `filled(x)` in the XPath means: not absent, not empty, not only whitespace and
    no-break spaces.
    """

    name: str
    test: str
    counted: bool = True
    told: bool = False
    rare: bool = False


@dataclass(frozen=True, slots=True)
class Walk:
    """Elements of a record on which fields are looked for; the record itself for no path.

    `label` is the child that says what kind of element it is, where that counts.
    """

    path: str | None
    fields: tuple[Field, ...]
    label: str | None = None


def _own(name: str, *, counted: bool = True, told: bool = False, rare: bool = False) -> Field:
    return Field(name, f"filled({name})", counted=counted, told=told, rare=rare)


WALKS = (
    Walk(
        None,
        (
            _own("primary_id", counted=False),
            _own("last_name"),
            _own("first_name"),
            _own("user_group", told=True),
            _own("expiry_date", told=True),
            _own("purge_date", told=True),
            _own("password", counted=False, rare=True),
            Field("phone", "contact_info/phones/phone[filled(phone_number)]"),
            Field("note", "user_notes/user_note", rare=True),
            Field("block", "user_blocks/user_block", rare=True),
        ),
    ),
    Walk(
        f"contact_info/emails/email{_PREFERRED}",
        (Field("preferred_email", "filled(email_address)"),),
    ),
    Walk(
        f"contact_info/addresses/address{_PREFERRED}",
        (
            Field("preferred_address", "true()"),
            Field("address_type", f"address_types/address_type[{_TYPES}]", counted=False),
            Field("address_line1", "filled(line1)", counted=False),
            Field("city", "filled(city)", counted=False),
            Field("state_province", "filled(state_province)", counted=False),
            Field("postal_code", "filled(postal_code)", counted=False),
        ),
    ),
    Walk(
        "user_statistics/user_statistic",
        (Field("statistic", "filled(statistic_category)"),),
    ),
    Walk(
        "user_identifiers/user_identifier",
        (Field("identifier", "filled(value)", counted=False),),
        label="id_type",
    ),
)

FIELDS = tuple(field for walk in WALKS for field in walk.fields)
NAMES = tuple(field.name for field in FIELDS)
COUNTED = tuple(field.name for field in FIELDS if field.counted)


def expand(xpath: str, *, padded: bool = True) -> str:
    """The XPath without `filled(…)`. `padded` counts no-break spaces as nothing, which costs."""
    inner = r"translate(\1, '" + "\u00a0" + "', ' ')" if padded else r"\1"
    return _FILLED.sub(rf"normalize-space({inner})", xpath)


def there(name: str) -> str:
    """The predicate on a record that is true when it has the field."""
    walk, field = _find(name)
    return expand(field.test if walk.path is None else f"{walk.path}[{field.test}]")


def lacking(name: str) -> str:
    """The predicate on a record that is true when an element of the field's walk lacks it."""
    walk, field = _find(name)
    gone = f"not({field.test})"
    return expand(gone if walk.path is None else f"{walk.path}[{gone}]")


def repeated(name: str) -> str:
    """The predicate on a record that is true when the field's walk has several elements."""
    walk, _ = _find(name)
    return f"({walk.path})[2]"


def walked(name: str) -> bool:
    """Whether a record may have several of what the field is looked for on."""
    return _find(name)[0].path is not None


def _find(name: str) -> tuple[Walk, Field]:
    return next((walk, field) for walk in WALKS for field in walk.fields if field.name == name)
