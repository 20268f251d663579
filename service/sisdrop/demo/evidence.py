"""Looks at the server, the archive and the page, so that the judge need not trust the ledger."""

import http.client
import zipfile
from pathlib import Path

from lxml import etree

from sisdrop.delivery.demo_server import HOST
from sisdrop.demo.judge import Seen
from sisdrop.demo.stage import Stage
from sisdrop.inbox.share import FOLDERS
from sisdrop.model import FileRow

_PAGES = ("/", "/readyz", "/metrics")
_GOOD = 200
_PATIENCE = 2.0


def gather(stage: Stage, rested: FileRow | None, ended: FileRow | None) -> Seen:
    """What can be seen of one file when all is over."""
    if rested is None or ended is None:
        return Seen(rested, ended)
    folder = stage.data / (ended.folder or "")
    archived = frozenset(path.name for path in folder.iterdir()) if ended.folder else frozenset()
    remote = ended.remote_name
    zips = sorted(p for p in stage.upload.iterdir() if remote and p.name.startswith(remote))
    return Seen(
        rested,
        ended,
        tuple(path.name for path in zips),
        count_records(zips[0]) if zips else None,
        archived,
    )


def count_records(path: Path) -> int | None:
    """How many records the one file in a zip holds; None if it is no sound zip of one XML file."""
    try:
        with zipfile.ZipFile(path) as archive:
            (name,) = archive.namelist()
            root = etree.fromstring(archive.read(name))
    except (zipfile.BadZipFile, ValueError, etree.XMLSyntaxError):
        return None
    return len(root.findall("user"))


def left_on_share(inbox: Path) -> list[str]:
    """The dropped files that are still on the share, wherever they lie on it."""
    places = [inbox, *(inbox / name for name in (*FOLDERS, ".sisdrop/work"))]
    found = (path for place in places if place.is_dir() for path in sorted(place.iterdir()))
    files = (path for path in found if path.suffix == ".xml" or path.parent.name == "work")
    return [f"{path.relative_to(inbox)} is left on the share" for path in files]


def silent_pages(port: int) -> list[str]:
    """The pages of the service that do not answer as they must."""
    return [f"{page} does not answer well" for page in _PAGES if not _answers(port, page)]


def _answers(port: int, page: str) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=_PATIENCE)
    try:
        connection.request("GET", page)
        return connection.getresponse().status == _GOOD
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
