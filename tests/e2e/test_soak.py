"""Real processes, a real server, and SIGKILL at random moments: counted at the end.

Short by default; `make soak` lets it go on for minutes. The seed is told when it fails.
"""

import hashlib
import os
import random
import time
from collections import Counter

from support.service import Service, unzip
from support.xml import Patron, user, users

_SECONDS = float(os.environ.get("SOAK_SECONDS", "8"))
_SEED = int(os.environ.get("SOAK_SEED", "0")) or random.SystemRandom().randrange(1 << 32)
# A stream of changes, in which no file supersedes another: each must arrive.
_CHANGES = [{"name": "changes", "match": ["*.xml"], "kind": "changes"}]
_AT_MOST = 3


def _people(number: int) -> bytes:
    """A file of people who are in no other file."""
    return users(*(user(Patron(primary_id=f"S{number:05d}{n}")) for n in range(5))).encode()


def test_kills_at_random_moments_lose_nothing_and_send_nothing_twice(service: Service) -> None:
    chance = random.Random(_SEED)  # noqa: S311 - it keeps no secret
    service.configure({"streams": _CHANGES})
    dropped: list[bytes] = []
    kills = 0
    end = time.monotonic() + _SECONDS
    while time.monotonic() < end or not kills:
        service.start()
        for _ in range(chance.randint(1, _AT_MOST)):
            content = _people(len(dropped))
            service.drop(f"{len(dropped)}.xml", content)
            dropped.append(content)
        _wait_for_lines(service, chance.randint(1, 20))
        service.kill()
        kills += 1
    service.start()
    service.wait_for(lambda: _are_archived(service, len(dropped)), f"all rest; seed {_SEED}")
    _check(service, dropped)
    print(f"soak: {len(dropped)} files, {kills} kills, seed {_SEED}")  # noqa: T201 - for whoever lets it go on


def _wait_for_lines(service: Service, more: int) -> None:
    """Until the log has so many lines more, or nothing is left to be told of."""
    begun = _lines(service)

    def come() -> bool:
        lines = _lines(service)
        return lines >= begun + more or (lines > begun and not list(service.inbox.glob("*.xml")))

    service.wait_for(come, f"the log goes on; seed {_SEED}", every=0.01)


def _lines(service: Service) -> int:
    """Whole lines: the last one may be broken off."""
    return service.log_file.read_bytes().count(b"\n")


def _are_archived(service: Service, many: int) -> bool:
    files = service.files()
    return len(files) == many and all(file["state"] == "archived" for file in files)


def _check(service: Service, dropped: list[bytes]) -> None:
    """Each arrived once, complete; nothing else is anywhere."""
    arrived = Counter(unzip(path)[1] for path in service.uploads())
    assert arrived == Counter(dropped), _SEED
    assert service.zips() == service.uploads(), "no temporary name is left"
    archived = {
        hashlib.sha256(unzip(path)[1]).hexdigest()
        for path in (service.data / "archive").rglob("*.zip")
    }
    assert archived == {hashlib.sha256(content).hexdigest() for content in dropped}
    assert not list((service.data / "outgoing").iterdir())
    assert not list(service.inbox.glob("*.xml"))
    assert not list((service.inbox / ".sisdrop" / "work").iterdir())
