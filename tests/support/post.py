"""A post office that keeps what it is given, or does not take it."""

from collections.abc import Collection

from sisdrop.letters import Letter


class Post:
    """Keeps letters. `failing` is raised instead; `refused` are the receivers that are refused."""

    def __init__(self) -> None:
        self.letters: list[Letter] = []
        self.failing: Exception | None = None
        self.refused: tuple[str, ...] = ()

    def take(self, letter: Letter) -> Collection[str]:
        """Take one letter."""
        if self.failing is not None:
            raise self.failing
        self.letters.append(letter)
        return self.refused

    @property
    def subjects(self) -> list[str]:
        """What the letters are about."""
        return [letter.subject for letter in self.letters]
