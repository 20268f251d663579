"""What a rehearsal on the server says about each point of the way. Pure."""

from sisdrop.delivery.phases import Phase
from sisdrop.delivery.probe import ProbeResult
from sisdrop.delivery.session import Target
from sisdrop.errors import ServiceError
from sisdrop.preflight.point import Point, mebibytes, skipped

_FILE_PHASES = (Phase.OPEN, Phase.WRITE, Phase.RENAME, Phase.STAT, Phase.REMOVE, Phase.READ)
# The points in the order in which a session passes them, and the phases that can fail each.
_STEPS: tuple[tuple[str, tuple[Phase, ...], str], ...] = (
    ("algorithms", (Phase.CONNECT,), "agreed with the server"),
    ("host key", (Phase.PINS,), "one of the pinned keys"),
    ("login", (Phase.LOGIN, Phase.KEY), "let in"),
    ("remote folder", (Phase.FOLDER, Phase.LIST), "is there"),
    ("remote file", _FILE_PHASES, "written, renamed, seen and removed"),
)
_SERVER = "server"
_USEFUL = {
    "posix-rename": "plain rename is used",
    "fsync": "what it confirms is taken for kept",
    "statvfs": "free space is not told",
}


def unseen(because: str) -> list[Point]:
    """All points of a session that was not begun."""
    return [skipped(name, because) for name in (*(step[0] for step in _STEPS), _SERVER)]


def of_failure(error: ServiceError) -> list[Point]:
    """The points of a session that failed: good up to its phase, unseen from there on."""
    phase = error.facts.get("phase")
    failed = next((i for i, step in enumerate(_STEPS) if phase in step[1]), 0)
    code = error.facts.get("code")
    hint = f"{error.hint} (code {code})" if code is not None else error.hint
    points = [Point(name, ok=True, detail=good) for name, _, good in _STEPS[:failed]]
    points.append(Point(_STEPS[failed][0], ok=False, detail=hint))
    because = f"{_STEPS[failed][0]} above is bad"
    points += [skipped(name, because) for name, _, _ in _STEPS[failed + 1 :]]
    return [*points, skipped(_SERVER, because)]


def of_result(result: ProbeResult, target: Target) -> list[Point]:
    """The points of a session in which all went well."""
    details = (
        f"key exchange {result.kex}, cipher {result.cipher}, mac {result.mac}",
        f"{result.host_key}, one of the pinned keys",
        f"{target.username} was let in; SFTP starts in {result.home}",
        result.directory,
        f"written, renamed, seen and removed in {result.directory}",
        _server_text(result),
    )
    names = (*(step[0] for step in _STEPS), _SERVER)
    return [
        Point(name, ok=True, detail=detail) for name, detail in zip(names, details, strict=True)
    ]


def _server_text(result: ProbeResult) -> str:
    can = ", ".join(name for name in _USEFUL if name in result.extensions) or "no extension"
    cannot = "".join(
        f"; no {name}: {effect}"
        for name, effect in _USEFUL.items()
        if name not in result.extensions
    )
    free = "" if result.free_bytes is None else f"; {mebibytes(result.free_bytes)} free"
    return f"{result.server_version} with {can}{cannot}{free}"
