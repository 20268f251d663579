"""What a file's name on the share says, and what the files we write there are called.

Pure. Names come from other people's machines: any bytes, any length, any trick.
"""

import fnmatch
import re
from collections.abc import Sequence
from pathlib import PurePath

STATUS_PAGE = "STATUS.html"
README = "README.txt"
OURS = frozenset({STATUS_PAGE.casefold(), README.casefold()})

# File systems allow 255 bytes; SMB servers and Windows tools count alike.
_NAME_BYTES = 255
_TEMPORARY = (".tmp", ".part", ".filepart", ".crdownload")
_DROPPINGS = frozenset({"thumbs.db", "desktop.ini"})
_UNSAFE = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*\ud800-\udfff]')
# Windows takes these for devices whatever stands after the first dot.
_DEVICES = re.compile(r"(?:con|prn|aux|nul|(?:com|lpt)[\d¹²³]) *(?:\.|$)", re.IGNORECASE)


def display(name: str) -> str:
    """A name as text that can be stored and shown, its undecodable bytes in hexadecimal."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def is_ignored(name: str) -> bool:
    """Whether a name says that the file is hidden, temporary, a system's dropping, or ours."""
    folded = name.casefold()
    return (
        folded.startswith((".", "~$"))
        or folded.endswith(_TEMPORARY)
        or folded in _DROPPINGS
        or folded in OURS
    )


def matches(name: str, patterns: Sequence[str]) -> bool:
    """Whether a name fits one of a stream's patterns, without regard to case."""
    folded = name.casefold()
    return any(fnmatch.fnmatchcase(folded, pattern.casefold()) for pattern in patterns)


def share_name(name: str, file_id: str, suffix: str | None = None) -> str:
    """`<stem>.<file id><suffix>`: what a file or its report is called on the share.

    The suffix defaults to the file's own ending. The stem is made safe for Windows and
    shortened so that the whole stays within 255 bytes; the id makes the name unique.
    """
    stem, ending = PurePath(name).stem, PurePath(name).suffix
    ending = suffix if suffix is not None else _safe(ending)[:16].rstrip(" .")
    safe = _safe(stem).strip(" .") or "file"
    if safe.startswith("-") or _DEVICES.match(safe):
        safe = f"_{safe}"
    room = _NAME_BYTES - len(f".{file_id}{ending}".encode())
    return f"{safe.encode()[:room].decode('utf-8', 'ignore')}.{file_id}{ending}"


def _safe(text: str) -> str:
    return _UNSAFE.sub("_", text)
