"""The copy of its ledger row that the folder of each file carries, to mend an older ledger by."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from pydantic import TypeAdapter

from sisdrop import durable
from sisdrop.archive import on_data
from sisdrop.model import FileRow
from sisdrop.recovery import Kept

NAME = "row.json"
_ROW = TypeAdapter(FileRow)


def keep_row(data: Path, folder: Path, row: FileRow) -> None:
    """Write a row down beside its zip.

    If killed here: the copy is the old one or the new one; the ledger is as before.

    Raises:
        Transient: `data_full`.
        NeedsOperator: `ledger_unusable` when the volume cannot be written.
    """
    with on_data(data):
        durable.write_file(folder / NAME, _ROW.dump_json(row))


def filed(data: Path, known: Mapping[str, str]) -> Iterator[Kept]:
    """The copies in the archive that say more than is `known`, oldest folder first.

    Known is, by the paths of folders below the data folder, when the file was filed, as its row
    says it: a file that is sent again is filed again. What holds no copy is passed over: it is not
    ours, or half removed.

    Raises:
        Transient, NeedsOperator: if the volume cannot be read.
    """
    with on_data(data):
        found = sorted(data.glob("archive/*/*/*/*"))
    for folder in found:
        at = known.get(str(folder.relative_to(data)))
        yield from _copy(data, folder, filed=True, known=f'"filed_at":"{at}"'.encode())


def under_way(data: Path) -> Iterator[Kept]:
    """The copies in the folders of files that are under way.

    Raises:
        Transient, NeedsOperator: if the volume cannot be read.
    """
    with on_data(data):
        found = sorted(data.glob("outgoing/*"))
    for folder in found:
        yield from _copy(data, folder, filed=False)


def _copy(data: Path, folder: Path, *, filed: bool, known: bytes = b"") -> Iterator[Kept]:
    try:
        with on_data(data):
            content = (folder / NAME).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return
    # To take every copy apart would make a start slow.
    if known and known in content:
        return
    with suppress(ValueError):
        row = _ROW.validate_json(content)
        if row.id == folder.name:
            yield Kept(row, filed)
