"""Realistic invented extracts, of any size, from a seed: the same seed gives the same bytes.

A record takes about 2.3 KB, has what records of real extracts have, and compresses as they do
(about 15 to 1). Without faults a file breaks no rule.
"""

import random
from collections.abc import Iterator
from pathlib import Path

from support.invented.faults import spoil
from support.invented.record import record


def extract(count: int, seed: int = 1, fault_rate: float = 0.0) -> Iterator[bytes]:
    """An extract in pieces: `count` people; each has one fault with a chance of `fault_rate`.

    The number of a person decides who they are to the library (their identifiers), the seed
    everything else. Faults have dice of their own: what they do not touch is the same at any rate.
    """
    dice = random.Random(seed)  # noqa: S311  # test data, not secrets
    fate = random.Random(f"{seed} faults")  # noqa: S311  # test data, not secrets
    yield b'<?xml version="1.0" encoding="UTF-8"?>\n<users>\n'
    sound = ""
    for number in range(1, count + 1):
        text = record(dice, number)
        if fate.random() < fault_rate:
            text = spoil(fate, text, sound)
        else:
            sound = text
        yield text.encode()
    yield b"</users>\n"


def write_extract(path: Path, count: int, seed: int = 1, fault_rate: float = 0.0) -> int:
    """Write such an extract; gives its size in bytes."""
    with path.open("wb") as file:
        file.writelines(extract(count, seed, fault_rate))
        return file.tell()
