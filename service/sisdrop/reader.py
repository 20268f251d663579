"""Read a file as `sisdrop validate` does, for commands that look at the records as well."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sisdrop.model import Report, Signature
from sisdrop.offline import Unsteady, Validator
from sisdrop.plain import visible
from sisdrop.records.reading import Observer
from sisdrop.records.source import ChangedError


class FileUnread(Exception):
    """A file cannot be read, or changed while it was; the text names it and says why."""


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Run what reads a file.

    Raises:
        FileUnread: if that failed.
    """
    try:
        yield
    except OSError as error:
        why = error.strerror or "it cannot be read"
    except (Unsteady, ChangedError):
        why = "it changed while it was read; try again when it is complete"
    else:
        return
    raise FileUnread(f"{visible(str(path))}: {why}")


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads files at one moment; `watch` gives what to tell the bytes read of one."""

    validator: Validator
    now: datetime
    watch: Callable[[Path], AbstractContextManager[Callable[[int], None]]]

    def read(self, path: Path, observe: Observer, expected: Signature | None = None) -> Report:
        """Read one file; `observe` is told of its records, `expected` is what it must look like.

        Raises:
            FileUnread: if it cannot be read, or somebody is writing to it.
        """
        with readable(path), self.watch(path) as tell:
            return self.validator.validate(path, self.now, tell, expected, observe)
