from hypothesis import given, settings
from hypothesis import strategies as st

from sisdrop.inbox.settle import (
    HEAD_BYTES,
    TAIL_BYTES,
    Look,
    Shape,
    Standing,
    is_quiet,
    judge_shape,
    observe,
    standing,
)
from sisdrop.model import Signature

SIGNATURES = st.builds(Signature, st.integers(0, 3), st.integers(0, 2), st.integers(1, 2))
PAUSES = st.floats(0, 40, allow_nan=False)
HISTORIES = st.lists(st.tuples(PAUSES, SIGNATURES), min_size=1, max_size=12)
SETTLE, PATIENCE = 30.0, 120.0
# What XML is made of, so that random documents come near to real ones.
_MARKUP = b"<users> </users> <user/> <!-- --> <? ?> < > / <!DOCTYPE <users a"
_OTHERS = (b" ", b"\n", b'"', b"'", b"\0", b"\xef\xbb\xbf", b"<users ", b"PK\x03\x04")
PIECES = st.sampled_from([*_MARKUP.split(), *_OTHERS])
DOCUMENTS = st.lists(PIECES, max_size=40).map(b"".join) | st.binary(max_size=200)


def follow(history: list[tuple[float, Signature]]) -> tuple[Look, float]:
    """Look at a file again and again; returns the last look and its moment."""
    now, look = 1000.0, None
    for pause, signature in history:
        now += pause
        look = observe(look, signature, now)
    assert look is not None
    return look, now


@settings(deadline=None)
@given(history=HISTORIES)
def test_a_file_is_only_quiet_when_all_looks_within_the_time_were_alike(
    history: list[tuple[float, Signature]],
) -> None:
    look, now = follow(history)
    if is_quiet(look, now, SETTLE):
        moment, last = now, history[-1][1]
        for pause, signature in reversed(history):
            assert signature == last
            if now - moment >= SETTLE:
                break
            moment -= pause


@settings(deadline=None)
@given(history=HISTORIES, changed=SIGNATURES, pause=PAUSES)
def test_a_file_that_just_changed_is_never_taken(
    history: list[tuple[float, Signature]], changed: Signature, pause: float
) -> None:
    look, now = follow(history)
    after = observe(look, changed, now + pause)
    if changed != look.signature:
        assert standing(after, now + pause, 0.0, 0.0) is Standing.CHANGING


@settings(deadline=None)
@given(history=HISTORIES, shape=st.none() | st.sampled_from(Shape))
def test_only_a_quiet_file_of_known_shape_is_ready(
    history: list[tuple[float, Signature]], shape: Shape | None
) -> None:
    look, now = follow(history)
    known = Look(look.signature, look.since, look.looks, shape)
    if standing(known, now, SETTLE, PATIENCE) is Standing.READY:
        assert is_quiet(look, now, SETTLE)
        assert shape is not None
        assert shape is not Shape.INCOMPLETE or now - look.since >= PATIENCE


@settings(deadline=None)
@given(head=DOCUMENTS, tail=DOCUMENTS)
def test_any_bytes_have_a_shape(head: bytes, tail: bytes) -> None:
    assert judge_shape(head, tail) in Shape


@settings(deadline=None)
@given(unit=DOCUMENTS.filter(bool), root=st.booleans())
def test_any_bytes_repeated_to_the_full_size_have_a_shape(unit: bytes, root: bool) -> None:
    """Not timed: a pattern that tries bytes again and again would hang here for minutes."""
    text = (unit * (HEAD_BYTES // len(unit) + 1))[:HEAD_BYTES]
    head = (b"<users " + text)[:HEAD_BYTES] if root else text
    assert judge_shape(head, text[-TAIL_BYTES:]) in Shape


@settings(deadline=None)
@given(
    inside=st.lists(st.sampled_from([b"<user/>", b"<user>x</user>", b"\n", b"<!-- x -->"])).map(
        b"".join
    ),
    epilog=st.lists(st.sampled_from([b" ", b"\n", b"<!-- </users -->", b"<?a b?>"])).map(b"".join),
    data=st.data(),
)
def test_a_complete_file_cut_anywhere_before_its_end_tag_is_over_is_not_complete(
    inside: bytes, epilog: bytes, data: st.DataObject
) -> None:
    body = b"<users>" + inside + b"</users>"
    whole = body + epilog
    assert judge_shape(whole, whole) is Shape.COMPLETE
    cut = whole[: data.draw(st.integers(1, len(body) - 1))]
    assert judge_shape(cut, cut) is Shape.INCOMPLETE
