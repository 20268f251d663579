"""A stand-in for Alma, which renames what it has fetched."""

from pathlib import Path

_SUFFIX = ".old"


class StandIn:
    """Fetches each zip that has waited in the upload folder for some seconds."""

    def __init__(self, folder: Path, patience: float) -> None:
        self._folder = folder
        self._patience = patience
        self._seen: dict[Path, float] = {}
        self.fetched: set[str] = set()

    def look(self, now: float) -> list[str]:
        """Fetch what is due at the monotonic time `now`; returns the names it had."""
        waiting = sorted(self._folder.glob("[!.]*.zip"))
        self._seen = {path: self._seen.get(path, now) for path in waiting}
        due = [path for path, since in self._seen.items() if now - since >= self._patience]
        for path in due:
            path.rename(path.with_name(path.name + _SUFFIX))
        names = [path.name for path in due]
        self.fetched.update(names)
        return names
