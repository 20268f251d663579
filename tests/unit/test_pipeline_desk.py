import shutil
from collections.abc import Iterator

import pytest

from sisdrop.errors import NeedsOperator, Reason, ServiceError, Transient
from sisdrop.inbox.share import Share
from sisdrop.log import LogEvent
from sisdrop.model import FileRow, State
from sisdrop.pipeline.desk import Desk
from support.laws import check_laws
from support.reader import people
from support.world import World, folder_in_memory

FIRST, SECOND, FEW = people(10, "first"), people(10, "second"), people(5, "few")
GONE = Transient(Reason.SHARE_GONE, "the share does not answer")
DENIED = NeedsOperator(Reason.SHARE_PERMISSION, "give it that right")


@pytest.fixture
def world() -> Iterator[World]:
    with folder_in_memory() as folder, World(folder) as made:
        yield made


def failing(monkeypatch: pytest.MonkeyPatch, error: Exception, method: str) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(Share, method, fail)


def test_a_file_that_went_out_while_the_share_was_away_is_tidied_when_it_is_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.drop(FIRST)
    with monkeypatch.context() as patch:
        failing(patch, GONE, "write_reports")
        world.run()
        row = world.only(State.ARCHIVED)
        assert world.share.work(row.id).exists()
    world.scan()
    check_laws(world, [FIRST])


def test_what_is_left_in_work_goes_by_its_bytes_when_it_looks_different(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A share that was mounted anew may give each file another inode."""
    world.drop(FIRST)
    with monkeypatch.context() as patch:
        failing(patch, GONE, "write_reports")
        world.run()
    work = world.share.work(world.only(State.ARCHIVED).id)
    shutil.copy2(work, world.inbox / ".copy")
    (world.inbox / ".copy").replace(work)
    world.scan()
    assert not work.exists()
    assert not world.listing("rejected")
    check_laws(world, [FIRST])


def test_so_it_is_after_a_restart(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.drop(FIRST)
    with monkeypatch.context() as patch:
        failing(patch, GONE, "remove")
        world.run()
    world.restart()
    world.scan()
    check_laws(world, [FIRST])


def test_bytes_that_somebody_wrote_after_ours_were_safe_are_not_removed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.drop(FIRST)
    with monkeypatch.context() as patch:
        failing(patch, GONE, "write_reports")
        world.run()
    row = world.only(State.ARCHIVED)
    world.share.work(row.id).write_bytes(SECOND)
    world.scan()
    assert world.share.rejected(row.id, row.name).read_bytes() == SECOND
    assert world.share.claimed() == []


@pytest.mark.parametrize("error", [GONE, DENIED, RuntimeError("ours")], ids=str)
def test_one_files_trouble_stops_no_other_and_is_told_once(
    world: World, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    real = Desk.tidy_share

    def fail(self: Desk, row: FileRow) -> None:
        if row.name == "a.xml":
            raise error
        real(self, row)

    world.drop(b"<library/>", "a.xml")
    world.drop(b"<archive/>", "b.xml")
    with monkeypatch.context() as patch:
        patch.setattr(Desk, "tidy_share", fail)
        for _ in range(5):
            world.round()
        assert world.states() == [State.REJECTED, State.REJECTED]
        assert [row.name for row in world.rows() if world.listing("rejected")] == ["a.xml", "b.xml"]
        assert len(world.listing("rejected")) == 2
    (told,) = [line for line in world.log.lines if line["event"] is LogEvent.SHARE_UNTIDY]
    expected = error.reason if isinstance(error, ServiceError) else None
    assert told["reason"] is expected
    world.scan()
    check_laws(world, [b"<library/>", b"<archive/>"])


def test_a_trouble_of_another_kind_is_news(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.drop(b"<library/>")
    for error in (GONE, DENIED):
        with monkeypatch.context() as patch:
            failing(patch, error, "write_reports")
            for _ in range(3):
                world.round()
    reasons = [line["reason"] for line in world.log.lines if line["event"] is LogEvent.SHARE_UNTIDY]
    assert reasons == [Reason.SHARE_GONE, Reason.SHARE_PERMISSION]


def test_a_state_that_is_entered_while_the_last_one_is_tidied_is_not_forgotten(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.drop(FIRST)
    world.run()
    world.drop(FEW)
    world.run()
    row = world.only(State.HELD)
    real = Desk.tidy_share

    def interrupted(self: Desk, tidied: FileRow) -> None:
        real(self, tidied)
        if tidied.state is State.HELD:
            now = world.clock.utc()
            filed = {"filed_at": now, "folder": world.shop.kit.archive.place(row.id, now)}
            world.ledger.move(row, State.SUPERSEDED, now, "sisdrop", None, **filed)
            world.shop.stages.steps.tidying.add(row.id)

    with monkeypatch.context() as patch:
        patch.setattr(Desk, "tidy_share", interrupted)
        world.shop.stages.steps.tidying.add(row.id)
        world.shop.stages.steps.tidying.run()
    assert not world.shop.stages.steps.tidying.is_tidy(row.id)
    world.scan()
    assert world.listing("held") == []


def test_a_file_that_is_judged_again_is_not_moved_under_the_reader(world: World) -> None:
    world.drop(FIRST)
    world.run()
    world.drop(FEW)
    world.run()
    row = world.only(State.HELD)
    world.approve(row)
    world.shop.stages.steps.desk.bring_to_work(row)
    world.shop.stages.steps.tidying.add(row.id)
    world.scan()
    assert world.share.work(row.id).read_bytes() == FEW
    world.run()
    assert list(world.sent().values()) == [FIRST, FEW]


def test_a_file_in_work_that_the_ledger_does_not_know_is_told_at_the_start(world: World) -> None:
    world.scan()
    stray = world.share.work("20260101T000000Z-0000")
    stray.write_bytes(FIRST)
    world.restart()
    world.scan()
    (told,) = [line for line in world.log.lines if line["event"] is LogEvent.SHARE_UNTIDY]
    assert told["file_id"] == stray.name
    assert stray.read_bytes() == FIRST


def test_nothing_is_written_on_what_stands_in_the_shares_place(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.drop(b"<library/>")
    with monkeypatch.context() as patch:
        failing(patch, GONE, "write_reports")
        for _ in range(3):
            world.round()
    world.inbox.rename(world.inbox.with_name("unmounted"))
    world.inbox.mkdir()
    world.scan()
    assert list(world.inbox.iterdir()) == []
    world.inbox.rmdir()
    world.inbox.with_name("unmounted").rename(world.inbox)
    world.scan()
    check_laws(world, [b"<library/>"])


def test_the_reports_say_the_same_on_the_share_and_in_the_archive(world: World) -> None:
    world.drop(people(20, bad=1))
    world.run()
    row = world.only(State.ARCHIVED)
    html, data = world.share.reports(row.id, row.name)
    kit = world.shop.kit
    assert html.read_text() == kit.archive.read_text(row, "report.html")
    assert data.read_text() == kit.archive.read_text(row, "report.json")
    said = world.report(row)
    assert (said["verdict"], said["records"]["left_out"]) == ("accepted", 1)
    assert said["findings"][0]["examples"][0]["primary_id"] == "T000001"
