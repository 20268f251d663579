"""What remembering every identifier of a file costs."""

from collections.abc import Iterator

from bench.table import Row, told
from bench.workshop import Workshop
from sisdrop.records.duplicates import Register

SIZES = (100_000, 1_000_000)
# With the primary one.
IDENTIFIERS = 3
_RUN = 1_000


def rows(workshop: Workshop) -> Iterator[Row]:
    """Bytes per identifier at two sizes."""
    workshop.say("filling the register of identifiers")
    costs = [
        f"{bytes_per_identifier(people):.1f} bytes at {people * IDENTIFIERS / 1e6:g} million"
        for people in SIZES
    ]
    yield told("uniqueness register, per identifier", ", ".join(costs))


def bytes_per_identifier(people: int) -> float:
    """The size of the register after so many different people, for each of their identifiers."""
    register = Register()
    for start in range(0, people, _RUN):
        numbers = range(start, start + _RUN)
        register.take_all([f"u{n}" for n in numbers], [f"\tb{n}\tw{n}" for n in numbers])
    return register.size_bytes / (people * IDENTIFIERS)
