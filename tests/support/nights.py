"""Nightly extracts over a term: people come, change, leave and return, and records go wrong."""

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from support.invented.faults import FAULTS, Fault
from support.invented.record import record

_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<users>\n'
_BARCODE = re.compile("(?<=<id_type>BARCODE</id_type><value>)[^<]*")
_LAST_NAME = re.compile("(?<=<last_name>)[^<]*")


@dataclass(frozen=True)
class Pace:
    """What happens from one night to the next, in people.

    `faults` records go wrong in one of the ways of `kinds`, `repeats` come twice, and not the same.
    """

    arrive: int = 3
    leave: int = 2
    change: int = 4
    lose_card: int = 1
    come_back: int = 0
    faults: int = 0
    repeats: int = 0
    kinds: Sequence[Fault] = FAULTS


@dataclass
class Campus:
    """Who is there tonight, at first `size` people. The same seed gives the same term."""

    seed: int
    pace: Pace = field(default_factory=Pace)
    size: int = 60

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)  # noqa: S311 - test data, not secrets
        self._here = dict.fromkeys(range(1, self.size + 1), 0)
        self._gone: dict[int, int] = {}
        self._cards: dict[int, int] = {}
        self._met = self.size

    def nights(self, count: int) -> Iterator[bytes]:
        """So many extracts, one after the other."""
        for _ in range(count):
            yield self.extract()
            self.pass_a_day()

    def pass_a_day(self) -> None:
        """What happens between two extracts."""
        pace = self.pace
        for number in self._some(self._gone, pace.come_back):
            self._here[number] = self._gone.pop(number) + self.dice.randint(0, 1)
        for number in self._some(self._here, pace.leave):
            self._gone[number] = self._here.pop(number)
        for number in self._some(self._here, pace.change):
            self._here[number] += 1
        for number in self._some(self._here, pace.lose_card):
            self._cards[number] = self._cards.get(number, 0) + 1
        for _ in range(pace.arrive):
            self._met += 1
            self._here[self._met] = 0

    def _some(self, people: dict[int, int], count: int) -> list[int]:
        return self.dice.sample(sorted(people), min(count, len(people)))

    def extract(self) -> bytes:
        """The extract of tonight, in an order of its own."""
        dice, pace = self.dice, self.pace
        records = [self._record(number) for number in self._some(self._here, len(self._here))]
        for at in dice.sample(range(1, len(records)), pace.faults):
            (fault,) = dice.choices(pace.kinds, [kind.weight for kind in pace.kinds])
            records[at] = fault.apply(records[at], records[0])
        for again in dice.sample(records, pace.repeats):
            other = _LAST_NAME.sub("Other", again)
            records.insert(dice.randrange(len(records) + 1), other)
        return f"{_HEAD}{''.join(records)}</users>\n".encode()

    def _record(self, number: int) -> str:
        dice = random.Random(f"{self.seed} {number} {self._here[number]}")  # noqa: S311 - as above
        text, card = record(dice, number), self._cards.get(number, 0)
        return _BARCODE.sub(lambda found: f"{found[0]}-{card}", text) if card else text
