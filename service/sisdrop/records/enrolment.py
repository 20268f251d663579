"""Enter the records that are delivered in the roster, as they are judged."""

from pathlib import Path

from sisdrop.profile import MAX_GROUPS
from sisdrop.records.check import Checked
from sisdrop.records.fields import NAMES
from sisdrop.records.judge import Place
from sisdrop.records.traits import Traits
from sisdrop.roster import MAX_FIELDS, RosterWriter

_MOST_REMEMBERED = 4096


class Enrolment:
    """Observes a reading and fills a roster.

    Types of identifiers and user groups are numbered as they come; those beyond the room of a
    word go unnamed.
    """

    def __init__(self, key: bytes) -> None:
        self._roster = RosterWriter(key)
        self._fields = {name: bit for bit, name in enumerate(NAMES)}
        self._groups = {"": 0}
        self._words: dict[Traits, int] = {}

    def observe(self, checked: Checked, _place: Place, kept: list[int]) -> None:
        """Take in the records of a chunk that are delivered; who has no primary id is nobody."""
        people, contents, traits = checked.people, checked.contents, checked.traits
        if len(kept) < len(traits) or not all(checked.primaries):
            kept = [index for index in kept if checked.primaries[index]]
            people = [people[index] for index in kept]
            contents = [contents[index] for index in kept]
            traits = [traits[index] for index in kept]
        known = map(self._words.get, traits)
        words = [
            self._word(one) if word is None else word
            for word, one in zip(known, traits, strict=True)
        ]
        self._roster.add_all(people, contents, words)

    def finish(self, path: Path) -> None:
        """Write the roster, as `RosterWriter.finish` does."""
        self._roster.finish(path, list(self._fields), list(self._groups))

    def _word(self, traits: Traits) -> int:
        word = self._words.get(traits)
        if word is None:
            if len(self._words) >= _MOST_REMEMBERED:
                self._words.clear()
            word = self._words[traits] = self._encode(traits)
        return word

    def _encode(self, traits: Traits) -> int:
        mask = traits.fields
        for label in traits.types:
            name = f"identifier:{label}"
            if name in self._fields or len(self._fields) < MAX_FIELDS:
                mask |= 1 << self._fields.setdefault(name, len(self._fields))
        group = 0
        if traits.group in self._groups or len(self._groups) <= MAX_GROUPS:
            group = self._groups.setdefault(traits.group, len(self._groups))
        return group << MAX_FIELDS | mask
