"""What must hold whenever the service is quiet, whatever happened before."""

import gzip
import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from sisdrop.archive import ORIGINAL, ORIGINAL_ZIP
from sisdrop.inbox.names import share_name
from sisdrop.model import FileRow, State
from sisdrop.states import FINAL
from support.reader import kept, xml_in
from support.world import World, unzipped

_VERDICTS = {
    State.ARCHIVED: {"accepted"},
    State.HELD: {"held"},
    State.REJECTED: {"rejected"},
    State.DUPLICATE: {"duplicate"},
    State.SUPERSEDED: {"accepted", "held"},
}


def check_laws(world: World, dropped: Iterable[bytes]) -> None:
    """All of them; `dropped` are the different byte strings that must still be somewhere."""
    check_nothing_is_lost(world, dropped)
    check_the_server(world)
    check_the_data_volume(world)
    check_the_share(world)
    check_the_reports(world)
    check_the_mails(world)


def places(world: World, content: bytes) -> list[str]:
    """Every place from which exactly these bytes can be had."""
    found = []
    for folder in (".", "approved", ".sisdrop/work", "held", "rejected"):
        files = _files(world.inbox / folder)
        found += [folder for path in files if path.read_bytes() == content]
    # A held file has its zip on the data volume, for the day when it is approved.
    holding = {row.id for row in world.ledger.in_states(State.HELD)}
    for path in sorted((world.data / "archive").rglob("*")) + sorted(
        path for path in (world.data / "outgoing").rglob("*") if path.parent.name not in holding
    ):
        if original(path) == content:
            found.append("data")
    return found


def check_nothing_is_lost(world: World, dropped: Iterable[bytes]) -> None:
    """Each byte string is in exactly one place."""
    for content in dropped:
        assert len(places(world, content)) == 1, (places(world, content), content)


def check_the_server(world: World) -> None:
    """On the server stands what the ledger says, complete, once, and nothing else."""
    sent = {
        name: row
        for row in world.ledger.in_states(State.ARCHIVED)
        if not row.rehearsed
        for name in (row.remote_name, *(before.remote_name for before in row.earlier))
        if name is not None
    }
    on_it = {name.removesuffix(".old"): content for name, content in world.server.files.items()}
    assert sorted(on_it) == sorted(sent)
    assert sorted(world.server.log) == sorted(sent), "each name came about once"
    for name, content in on_it.items():
        row = sent[name]
        assert hashlib.sha256(content).hexdigest() == row.bundle_sha256
        if row.purged_at is not None:
            continue
        assert content == (_folder(world, row) / f"{row.id}.zip").read_bytes()
        if row.identical:
            assert hashlib.sha256(unzipped(content)).hexdigest() == row.sha256
        else:
            copy = ORIGINAL_ZIP if row.content_sha256 else ORIGINAL
            dropped = original(_folder(world, row) / copy) or b""
            assert hashlib.sha256(dropped).hexdigest() == row.sha256
            assert is_cut_of(unzipped(content), kept(xml_in(dropped)), row)


def is_cut_of(sent: bytes, whole: bytes, row: FileRow) -> bool:
    """Whether it is the file, less as many records as were left to other streams."""
    left = iter(whole.splitlines())
    yielded = row.counts.yielded if row.counts else 0
    in_order = all(any(line == other for other in left) for line in sent.splitlines())
    return in_order and len(whole.splitlines()) - len(sent.splitlines()) == yielded


def check_the_data_volume(world: World) -> None:
    """Only held files are under way; each other one has its folder in the archive."""
    holding = {row.id for row in world.ledger.in_states(State.HELD)}
    assert set(world.shop.kit.archive.under_way()) == holding
    assert not world.ledger.claims()
    filed = {path.parent.name for path in (world.data / "archive").rglob("manifest.json")}
    assert filed == {row.id for row in world.ledger.in_states(*FINAL) if row.purged_at is None}
    for row in world.ledger.in_states(State.REJECTED):
        assert not (_folder(world, row) / f"{row.id}.zip").exists()


def check_the_share(world: World) -> None:
    """Each folder holds the files that the ledger says, and no temporary ones."""
    assert world.share.claimed() == []
    for state, folder in ((State.HELD, "held"), (State.REJECTED, "rejected")):
        rows = world.ledger.in_states(state)
        pages = {share_name(row.name, row.id, ".report.html") for row in rows}
        files = {share_name(row.name, row.id) for row in rows}
        purged = {share_name(r.name, r.id, ".report.html") for r in rows if r.share_purged_at}
        there = set(world.listing(folder))
        assert pages - purged <= there <= (pages - purged) | files
    temporary = [path for path in world.inbox.rglob("*.tmp") if ".sisdrop" not in path.parts]
    assert temporary == []


def check_the_reports(world: World) -> None:
    """Each file has its reports, and they say what happened."""
    rows = [row for row in world.rows() if row.share_purged_at is None]
    pairs = [path.name for row in rows for path in world.share.reports(row.id, row.name)]
    assert world.listing("reports") == sorted(pairs)
    for row in rows:
        said = world.report(row)
        assert said["verdict"] in _VERDICTS[row.state]
        if row.state in (State.HELD, State.REJECTED):
            assert said["reason"] == row.reason


def check_the_mails(world: World) -> None:
    """Each end that somebody is to hear of was told, and a death repeats one mail at most."""
    if world.mails is None:
        return
    told = [letter.key for letter in world.post.letters]
    assert {
        f"{entry.file_id}.{entry.number}"
        for entry in world.ledger.events_after(0, 1_000)
        if entry.event.to_state in (State.DELIVERED, State.REJECTED, State.HELD)
    } == {*told}
    assert len(told) - len({*told}) <= 1
    assert world.metric("mails_waiting") == 0


def original(path: Path) -> bytes | None:
    """The file as dropped that a file on the data volume holds, if it does."""
    if path.name == ORIGINAL:
        return gzip.decompress(path.read_bytes())
    if path.name == ORIGINAL_ZIP:
        return path.read_bytes()
    stands_for_it = path.suffix == ".zip" and not path.with_name(ORIGINAL_ZIP).exists()
    return unzipped(path.read_bytes()) if stands_for_it else None


def _folder(world: World, row: FileRow) -> Path:
    return world.data / (row.folder or "")


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.iterdir()) if path.is_file())
