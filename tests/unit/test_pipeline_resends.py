from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from sisdrop.model import FileRow, State
from sisdrop.requests import Answer, Command, Request
from support.laws import check_laws
from support.reader import people
from support.stories import comes_back, goes_down
from support.world import World, folder_in_memory

FIRST, SECOND, THIRD = people(10, "first"), people(10, "second"), people(10, "third")
MIXED = people(9, "mixed", bad=1)


@pytest.fixture
def world() -> Iterator[World]:
    with folder_in_memory() as folder, World(folder) as made:
        yield made


def sent(world: World, content: bytes = FIRST) -> FileRow:
    """A file that went out."""
    world.drop(content)
    world.run()
    return world.ledger.latest(1)[0]


def resend(world: World, row: FileRow, *, stale: bool = False) -> Answer:
    return world.ask(Command.RESEND, file_id=row.id, reason="it was lost", stale=stale)


def test_the_same_bytes_go_out_under_a_new_name(world: World) -> None:
    row = sent(world, MIXED)
    answer = resend(world, row)
    queued = world.get(row)
    assert answer == Answer(done=True, sentence=f"{row.id} goes out again, as {queued.remote_name}")
    assert (queued.state, queued.filed_at) == (State.QUEUED, None)
    world.run()
    first, second = world.server.log
    assert first == row.remote_name != second == queued.remote_name
    assert first < second
    assert world.server.files[first] == world.server.files[second]
    again = world.get(row)
    assert again.state is State.ARCHIVED
    assert [before.remote_name for before in again.earlier] == [first]
    check_laws(world, [MIXED])


def test_the_trail_says_who_and_why_and_counters_and_pages_that_it_was_sent_again(
    world: World,
) -> None:
    row = sent(world)
    resend(world, row)
    (event,) = [e for e in world.ledger.events(row.id) if e.actor == "operator"]
    assert (event.from_state, event.to_state) == (State.ARCHIVED, State.QUEUED)
    assert event.note == "it was lost"
    status = (world.inbox / "STATUS.html").read_text()
    assert "Waiting to be sent again" in status
    world.run()
    assert "Delivered again" in (world.inbox / "STATUS.html").read_text()
    assert world.metric('files_total{outcome="resent",stream="patrons"}') == 1
    assert world.metric('files_total{outcome="delivered",stream="patrons"}') == 1
    assert world.metric('records_total{outcome="delivered",stream="patrons"}') == 10


def test_each_no_says_why(world: World) -> None:
    assert resend(world, replace_id(world)).sentence == "there is no file nobody"
    world.drop(b"<library>no patrons</library>")
    world.run()
    rejected = world.only(State.REJECTED)
    assert resend(world, rejected).sentence == (
        f"{rejected.id} was not sent, it is rejected; only what was sent can be sent again"
    )
    row = sent(world)
    repeat = sent(world)
    assert resend(world, repeat).sentence == (
        f"{repeat.id} was not sent, because it is the same as {row.id}; resend that"
    )
    goes_down(world)
    assert resend(world, row).done
    assert resend(world, row).sentence == f"{row.id} is under way already, it is queued"


def replace_id(world: World) -> FileRow:
    """A file that nobody knows."""
    row = sent(world, SECOND)
    return replace(row, id="nobody")


def test_what_was_purged_or_is_damaged_cannot_be_sent_again(world: World) -> None:
    row = sent(world)
    path = world.data / (row.folder or "") / f"{row.id}.zip"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    damaged = f"the zip of {row.id} in the archive is missing or damaged; drop the file again"
    assert resend(world, row).sentence == damaged
    path.unlink()
    assert resend(world, row).sentence == damaged
    world.clock.advance(timedelta(days=60).total_seconds())
    world.shop.stages.purge.run()
    purged = world.get(row).purged_at
    assert resend(world, row).sentence == (
        f"the zip of {row.id} was purged on {purged:%Y-%m-%d}; drop the file again"
    )


def test_rehearsed_files_were_never_sent_and_rehearsal_sends_nothing(world: World) -> None:
    row = sent(world)
    world.restart(mode="rehearse")
    assert resend(world, row).sentence == "nothing is uploaded while the mode is rehearse"
    rehearsed = sent(world, SECOND)
    world.restart()
    assert resend(world, rehearsed).sentence == (
        f"{rehearsed.id} was only rehearsed and never sent; drop the file again"
    )


def test_an_older_file_is_sent_again_only_if_that_is_meant(world: World) -> None:
    row, newer = sent(world), sent(world, SECOND)
    answer = resend(world, row)
    assert not answer.done
    assert answer.sentence == (
        f"{newer.id} went out after {row.id}; sending {row.id} again would undo it; to send it"
        " all the same, resend it with --stale"
    )
    assert resend(world, row, stale=True).done
    world.run()
    assert list(world.sent().values()) == [FIRST, SECOND, FIRST]
    # Now it is the other one that would undo it.
    assert not resend(world, newer).done
    check_laws(world, [FIRST, SECOND])


def test_a_newer_file_that_is_accepted_calls_it_off(world: World) -> None:
    row = sent(world)
    goes_down(world)
    assert resend(world, row).done
    world.drop(SECOND)
    world.run()
    called_off = world.get(row)
    assert called_off.state is State.ARCHIVED
    assert (called_off.remote_name, called_off.earlier) == (row.remote_name, ())
    comes_back(world)
    world.clock.advance(1000)
    world.run()
    assert list(world.sent().values()) == [FIRST, SECOND]
    check_laws(world, [FIRST, SECOND])


def test_what_waits_to_be_sent_again_still_counts_as_loaded(world: World) -> None:
    sent(world)
    newest = sent(world, SECOND)
    goes_down(world)
    assert resend(world, newest).done
    history = world.shop.stages.steps.history(newest)
    assert history.loaded is not None
    assert history.loaded.id == newest.id


def test_an_older_file_that_waits_does_not_count_as_loaded_yet(world: World) -> None:
    row, newer = sent(world), sent(world, SECOND)
    goes_down(world)
    assert resend(world, row, stale=True).done
    history = world.shop.stages.steps.history(newer)
    assert history.loaded is not None
    assert history.last is not None
    assert (history.loaded.id, history.last.id) == (newer.id, row.id)
    last = world.ledger.last_delivered("patrons")
    assert last is not None
    assert last.id == newer.id


def test_its_time_in_the_archive_begins_anew(world: World) -> None:
    row = sent(world)
    world.clock.advance(timedelta(days=59).total_seconds())
    assert resend(world, row).done
    world.clock.advance(timedelta(days=2).total_seconds())
    assert world.shop.stages.purge.planned() == ()
    world.run()
    world.clock.advance(timedelta(days=59).total_seconds())
    assert world.shop.stages.purge.run() == 0
    world.clock.advance(timedelta(days=2).total_seconds())
    assert world.shop.stages.purge.run() == 2
    assert not list((world.data / "archive").rglob("*.zip"))
    assert world.listing("reports") == []


def test_a_purge_that_was_planned_before_spares_it(world: World) -> None:
    row = sent(world)
    world.clock.advance(timedelta(days=61).total_seconds())
    purge = world.shop.stages.purge
    planned = purge.planned()
    goes_down(world)
    assert resend(world, row).done
    assert [purge._try(removal) for removal in planned] == [False, False]
    comes_back(world)
    world.run()
    assert list(world.sent().values()) == [FIRST, FIRST]


def test_a_request_that_is_met_again_does_nothing_more(world: World) -> None:
    row = sent(world)
    request = Request("token", Command.RESEND, "operator", row.id, "it was lost")
    first = world.shop.rounds.obey(request)
    world.run()
    assert world.shop.rounds.obey(request) == first
    world.run()
    assert len(world.sent()) == 2


def test_it_needs_no_share(world: World) -> None:
    row = sent(world)
    world.inbox.rename(world.inbox.with_name("away"))
    assert resend(world, row).done
    world.deliver()
    assert len(world.sent()) == 2


def test_a_name_that_would_be_the_same_is_refused(world: World) -> None:
    world.restart(sftp={"name": "{utc:%Y}-{stream}-{digest:.8}.zip"})
    row = sent(world)
    assert "would get the name it had" in resend(world, row).sentence
