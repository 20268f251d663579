"""What the library reads by mail, word by word, in `letters/`.

After a change of words that is meant: `PYTHONPATH=tests python tests/golden/test_letters.py`
writes the texts anew, and the diff is what people will read differently.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sisdrop.demo.acts import acts
from sisdrop.letters import Letter
from sisdrop.model import Pickup, State
from support.stories import NOTIFY
from support.true_world import TrueWorld
from support.world import folder_in_memory, plain_pages

FOLDER = Path(__file__).with_name("letters")
AT = datetime(2026, 11, 23, 19, 3, 1, tzinfo=UTC)
NAMES = ("delivered", "left-out", "held", "rejected", "not-fetched", "absent")


def letters() -> Iterator[Letter]:
    """One of each kind, in the order of `NAMES`."""
    good, faulty, _, bare = acts(AT)
    with folder_in_memory() as folder, plain_pages(), TrueWorld(folder, notify=NOTIFY) as world:
        for content in (
            good.content,
            faulty.content,
            bare.content,
            b"<users>\nM\xfcller</users>\n",
        ):
            world.drop(content)
            world.run()
        sent = [row for row in world.rows() if row.state is State.ARCHIVED]
        world.ledger.update(sent[-1], pickup=Pickup.OVERDUE)
        world.run()
        world.clock.advance(timedelta(days=9).total_seconds())
        world.run()
        yield from world.post.letters


def texts() -> dict[str, str]:
    """Each letter as it is read, by its name."""
    told = [f"Subject: {letter.subject}\n\n{letter.text}" for letter in letters()]
    return dict(zip(NAMES, told, strict=True))


@pytest.fixture(scope="module")
def told() -> dict[str, str]:
    return texts()


@pytest.mark.parametrize("name", NAMES)
def test_people_read_these_words(told: dict[str, str], name: str) -> None:
    assert told[name] == (FOLDER / f"{name}.txt").read_text("utf-8")


def test_every_text_that_is_kept_is_compared() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == {*NAMES}


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for stem, text in texts().items():
        (FOLDER / f"{stem}.txt").write_text(text, "utf-8")
