"""The check that the service makes, on files anywhere: no settings, no ledger, nothing written."""

import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from sisdrop import guard
from sisdrop.clock import file_id
from sisdrop.errors import Reason
from sisdrop.guard import History, Judged, Reject
from sisdrop.model import Refined, Report, Severity, Signature, StillChanging, Verdict
from sisdrop.records.check import Checker
from sisdrop.records.crew import crew_size
from sisdrop.records.reading import Observer
from sisdrop.records.refine import Limits, refine
from sisdrop.records.rules import load_rules
from sisdrop.records.schema import load_schema

DEFAULT_RULES = ("alma", "ishare-public")
LIMITS = Limits(max_file_size=8 << 30, max_record_size=4 << 20, workers=crew_size("auto"))
_NO_GUARD = guard.Limits(
    max_drop=None,
    max_rise=None,
    max_group_drop=None,
    min_group=0,
    max_field_loss=None,
    max_state_rise=None,
    max_left_out=None,
    max_new=None,
    max_absent=None,
    hold_first_load=False,
    refuse_duplicates=False,
)


class Unsteady(Exception):
    """Somebody wrote to the file while it was read."""


class Validator:
    """Checks files with one schema and one set of rules, and one key drawn for its digests.

    Raises:
        ConfigError: if the schema or a rule file cannot be used.
    """

    def __init__(self, rules: Sequence[str], schema: Path | None) -> None:
        self._key = secrets.token_bytes(16)
        self._schema = load_schema(schema)
        self._rules = load_rules(tuple(rules) or DEFAULT_RULES, {}, ())

    def validate(
        self,
        path: Path,
        now: datetime,
        progress: Callable[[int], None] = lambda _: None,
        expected: Signature | None = None,
        observe: Observer | None = None,
    ) -> Report:
        """Read one file and report on it.

        `observe` is told of its records as they are judged; `expected` is what the file must
        look like (None: any state will do).

        Raises:
            OSError: if it cannot be read.
            Unsteady: if somebody is writing to it.
        """
        now = now.astimezone(UTC)
        checker = Checker(self._schema, self._rules, today=now.date(), key=self._key)
        identity = file_id(now, "0000")
        result = refine(
            path.resolve(strict=True),
            expected,
            identity,
            path.name,
            None,
            checker,
            LIMITS,
            progress,
            observe=observe,
        )
        if isinstance(result, StillChanging):
            raise Unsteady("it changed while it was read; try again when it is complete")
        return _report(path, identity, result, now)


def is_bad(report: Report) -> bool:
    """Whether the file was judged bad: refused, or with an error that leaves something out.

    A record that repeats an earlier person is dropped as Alma drops it, which is no error.
    """
    errors = (f for f in report.refined.findings if f.severity is Severity.ERROR)
    return report.verdict is Verdict.REJECTED or any(
        finding.rule != "alma.duplicate-primary-id" for finding in errors
    )


def _report(path: Path, identity: str, refined: Refined, now: datetime) -> Report:
    reason, hint = _refusal(refined)
    return Report(
        file_id=identity,
        file=path.name,
        stream="",
        verdict=Verdict.REJECTED if reason else Verdict.ACCEPTED,
        reason=reason,
        hint=hint,
        refined=refined,
        made_at=now,
    )


def _refusal(refined: Refined) -> tuple[Reason | None, str | None]:
    if refined.fatal is not None:
        return refined.fatal.reason, f"{refined.fatal.message} {refined.fatal.hint}"
    judged = Judged(refined.sha256, Signature(0, 0, 0), refined.counts, refined.profile)
    decision = guard.decide(judged, History(), _NO_GUARD)
    return (decision.reason, decision.hint) if isinstance(decision, Reject) else (None, None)
