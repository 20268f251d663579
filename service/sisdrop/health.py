"""Decides whether the process is alive and whether it is ready. Pure.

Liveness asks only whether the loop passes; a probe that looked at the share or the server would
kill the one pod because of somebody else's outage.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class CheckName(StrEnum):
    """What must hold for the instance to be ready."""

    SETTINGS = "settings"
    LOCK = "lock"
    LEDGER = "ledger"
    DATA = "data"
    SHARE = "share"


@dataclass(frozen=True, slots=True)
class Check:
    """Whether one thing holds, and a sentence about it (never a path's content, never a person)."""

    ok: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Health:
    """Named checks; good when all of them are."""

    checks: Mapping[str, Check]

    @property
    def ok(self) -> bool:
        """Whether every check holds."""
        return all(check.ok for check in self.checks.values())

    def shape(self) -> dict[str, dict[str, dict[str, bool | str]]]:
        """The JSON that `/livez` and `/readyz` answer."""
        return {
            "checks": {
                name: {"ok": check.ok, "detail": check.detail}
                for name, check in self.checks.items()
            }
        }


_UNKNOWN = Check(ok=False, detail="not looked at yet")


def liveness(now: float, last_beat: float, limit: float) -> Health:
    """Alive while the loop passed, or an upload moved on, within the last `limit` seconds.

    `now` and `last_beat` are monotonic seconds.
    """
    age = max(0.0, now - last_beat)
    detail = f"last beat {age:.0f} s ago, at most {limit:.0f} s are allowed"
    return Health({"loop": Check(ok=age <= limit, detail=detail)})


def readiness(checks: Mapping[str, Check]) -> Health:
    """Ready when every check of `CheckName` holds; one that nobody made does not."""
    required: dict[str, Check] = {name.value: checks.get(name, _UNKNOWN) for name in CheckName}
    return Health(required | {str(name): check for name, check in checks.items()})
