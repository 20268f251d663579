"""Put a sample under a name of its own, as XML or as the zip that Alma takes."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO, Final

from sisdrop.bundle import BundleTooLarge, BundleWriter, entry_name
from sisdrop.durable import move, written
from sisdrop.plain import visible
from sisdrop.sample import Sample, SampleRefused


def refuse_out(out: Path) -> None:
    """Find out, before the long work, that a sample could not be written.

    Raises:
        SampleRefused: if so.
    """
    if out.suffix.lower() not in _FORMS:
        raise _refused(out, "a sample ends in .xml or .zip")
    if os.path.lexists(out):
        raise _refused(out, _THERE)
    if not os.access(out.parent, os.W_OK | os.X_OK):
        raise _refused(out, "the folder is missing or not writable")


def save(sample: Sample, out: Path) -> None:
    """Write a sample in the form that the suffix of its name says; mode 0600; replaces nothing.

    If killed here: the whole sample, or nothing but a hidden folder `.sisdrop-...` beside it.

    Raises:
        SampleRefused: if it cannot be written.
        FileUnread: if the file that it is taken from cannot be read any more, or has changed.
    """
    try:
        with TemporaryDirectory(prefix=".sisdrop-", dir=out.parent) as folder:
            part = Path(folder, out.name)
            _FORMS[out.suffix.lower()](sample, part)
            move(part, out)
    except FileExistsError:
        raise _refused(out, _THERE) from None
    except OSError as error:
        raise _refused(out, error.strerror or "it cannot be written") from None
    except BundleTooLarge:
        raise _refused(out, "Alma takes no zip of more than 4 GiB; use a lower --max") from None


def show(sample: Sample, stream: BinaryIO) -> None:
    """Write a sample as XML to where a program or a person reads.

    Raises:
        BrokenPipeError: if nobody reads any more.
        SampleRefused: if it cannot be written.
        FileUnread: as `save`.
    """
    try:
        stream.writelines(sample.pieces)
        stream.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise SampleRefused(f"stdout: {error.strerror or 'it cannot be written'}") from None


def _write_plain(sample: Sample, path: Path) -> None:
    with written(path) as file:
        file.writelines(sample.pieces)


def _write_zip(sample: Sample, path: Path) -> None:
    entry = entry_name(sample.taken.file, "sample")
    writer = BundleWriter(path, entry, sample.size_bound)
    try:
        for piece in sample.pieces:
            writer.write(piece)
        writer.finish(identical=False)
    except BaseException:
        writer.discard()
        raise


def _refused(out: Path, why: str) -> SampleRefused:
    return SampleRefused(f"{visible(str(out))}: {why}")


_FORMS: Final = {".xml": _write_plain, ".zip": _write_zip}
_THERE: Final = "it is there already, and nothing is replaced; name another file"
