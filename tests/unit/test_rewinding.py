from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from sisdrop.records.rewinding import Rewinding

BLOCKS = [b"", b"<users>", b"x", b"", b"", b"<user/>" * 3, b"</users>", b""]
WHOLE = b"".join(BLOCKS)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(WHOLE) + 5), st.integers(0, len(WHOLE) + 5))))
def test_any_part_is_the_same_as_of_a_file_in_any_order(parts: list[tuple[int, int]]) -> None:
    rewinding = Rewinding(lambda: iter(BLOCKS))
    for offset, size in parts:
        assert rewinding.seek(offset) == offset
        assert rewinding.read(size) == WHOLE[offset : offset + size]


def test_only_going_back_begins_anew() -> None:
    begun: list[int] = []

    def blocks() -> Iterator[bytes]:
        begun.append(1)
        yield from BLOCKS

    rewinding = Rewinding(blocks)
    assert b"".join(iter(lambda: rewinding.read(4), b"")) == WHOLE
    assert len(begun) == 1
    rewinding.seek(0)
    assert rewinding.read(4) == WHOLE[:4]
    assert len(begun) == 2


def test_of_nothing_nothing_is_read() -> None:
    assert Rewinding(lambda: iter(())).read(10) == b""
