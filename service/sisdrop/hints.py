"""What a person should look at before a load, in sentences. Pure."""

from collections.abc import Iterator, Mapping
from typing import Final

from sisdrop.difference import Difference
from sisdrop.plain import label, quantity, visible
from sisdrop.records.fields import WALKS

# Of a name; what is longer is cut.
LONGEST: Final = 40
_MOST_LOSSES: Final = 5
_LABELS: Final[Mapping[str, str]] = {
    "address_line1": "Address line 1",
    "block": "Blocks",
    "note": "Notes",
    "phone": "Phone number",
    "state_province": "State or province",
    "statistic": "Statistics",
}
_ADDRESS: Final = "preferred_address"
# Who loses a preferred address loses these with it.
_OF_ADDRESS: Final = frozenset(
    part.name
    for walk in WALKS
    for part in walk.fields
    if part.name != _ADDRESS and any(field.name == _ADDRESS for field in walk.fields)
)


def hints(found: Difference) -> list[str]:
    """The sentences, what matters most first."""
    return [*_switched(found), *_losses(found), *_absent(found)]


def field_label(name: str) -> str:
    """A field's name as people write it."""
    return short(_LABELS.get(name) or label(name))


def short(text: str, width: int = LONGEST) -> str:
    """A name from a file in so many printable characters."""
    text = visible(text)
    return text if len(text) <= width else f"{text[: width - 3]}..."


def _switched(found: Difference) -> Iterator[str]:
    if found.is_switched:
        yield (
            "The primary identifiers of nearly all people differ: was the identifier switched? "
            "Then Alma would hold every patron twice."
        )


def _losses(found: Difference) -> Iterator[str]:
    whole = dict(found.losses).get(_ADDRESS, 0)
    told = [
        (name, count) for name, count in found.losses if name not in _OF_ADDRESS or count > whole
    ]
    for name, count in told[:_MOST_LOSSES]:
        who, field = quantity(count, "person", "people"), field_label(name)
        yield f"{who} would lose their {field[0].lower()}{field[1:]}."
    if len(told) > _MOST_LOSSES:
        yield "Other fields would be lost by fewer people."


def _absent(found: Difference) -> Iterator[str]:
    if found.absent:
        who = quantity(found.absent, "person", "people")
        be = "is" if found.absent == 1 else "are"
        yield f"{who} of OLD {be} not in NEW; a load leaves them in Alma as they are."
