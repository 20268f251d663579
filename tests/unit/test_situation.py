import threading
from datetime import timedelta

from sisdrop.errors import NeedsOperator, Reason, Transient
from sisdrop.model import Blocked, Waiting
from sisdrop.situation import Moment, Situation
from support.clock import START

LATER = START + timedelta(minutes=1)
FILE = (Waiting("students.xml", "is being written", START),)
ODD = (Waiting("holiday.jpg", "no pattern", START),)
AUTH = NeedsOperator(Reason.AUTH, "no key of ours")
GONE = Transient(Reason.SHARE_GONE, "check the mount")


def test_at_first_nothing_is_known() -> None:
    assert Situation().now() == Moment()
    assert Moment().share_up is False
    assert Situation().reasons() == frozenset()


def test_a_scan_says_what_waits_and_that_the_share_is_there() -> None:
    situation = Situation()
    situation.scanned(START, FILE, ODD)
    now = situation.now()
    assert (now.share_up, now.last_scan, now.waiting, now.unmatched) == (True, START, FILE, ODD)


def test_a_lost_share_keeps_the_time_of_the_last_look_and_nothing_that_was_seen() -> None:
    situation = Situation()
    situation.scanned(START, FILE, ODD)
    situation.share_lost()
    assert situation.now() == Moment(share_up=False, last_scan=START)


def test_only_the_first_block_is_news_and_its_time_stays() -> None:
    situation = Situation()
    assert situation.block("students", AUTH, START)
    assert not situation.block("students", AUTH, LATER)
    assert situation.now().blocked == {"students": Blocked(Reason.AUTH, "no key of ours", START)}


def test_the_newest_hint_is_shown() -> None:
    situation = Situation()
    situation.block("students", AUTH, START)
    situation.block("students", NeedsOperator(Reason.AUTH, "the key was refused"), LATER)
    (blocked,) = situation.now().blocked.values()
    assert (blocked.hint, blocked.since) == ("the key was refused", START)


def test_another_reason_is_news_and_has_its_own_time() -> None:
    situation = Situation()
    situation.block("share", GONE, START)
    assert situation.block("share", NeedsOperator(Reason.SHARE_CHANGED, "adopt it"), LATER)
    (blocked,) = situation.now().blocked.values()
    assert (blocked.reason, blocked.since) == (Reason.SHARE_CHANGED, LATER)


def test_what_works_again_is_news_once() -> None:
    situation = Situation()
    situation.block("share", GONE, START)
    assert situation.unblock("share")
    assert not situation.unblock("share")
    assert situation.block("share", GONE, LATER)


def test_one_thing_that_works_again_frees_no_other() -> None:
    situation = Situation()
    situation.block("share", GONE, START)
    situation.block("students", AUTH, START)
    situation.unblock("share")
    assert situation.reasons() == {Reason.AUTH}


def test_a_moment_that_was_handed_out_does_not_change() -> None:
    situation = Situation()
    situation.block("share", GONE, START)
    before = situation.now()
    situation.unblock("share")
    situation.scanned(LATER, FILE, ODD)
    assert before.blocked == {"share": Blocked(Reason.SHARE_GONE, "check the mount", START)}
    assert before.waiting == ()


def test_no_word_is_lost_between_threads() -> None:
    situation = Situation()

    def block(number: int) -> None:
        for part in range(50):
            situation.block(f"{number}-{part}", AUTH, START)

    threads = [threading.Thread(target=block, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(situation.now().blocked) == 400
