"""Builds the real objects of an instance from its settings."""

import platform
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sisdrop import __version__
from sisdrop.archive import Archive, on_data
from sisdrop.arrivals import expect_of, expects_of
from sisdrop.clock import Clock
from sisdrop.delivery.session import Target
from sisdrop.guard import Limits
from sisdrop.inbox.scan import Pattern, Scanner, Timing
from sisdrop.inbox.share import Share
from sisdrop.ledger import Ledger
from sisdrop.log import Log
from sisdrop.mails import Mails
from sisdrop.metrics import Metrics
from sisdrop.model import Refined, Signature, StatusView, StillChanging
from sisdrop.pipeline.dispatch import Dispatch
from sisdrop.pipeline.holds import Holds
from sisdrop.pipeline.intake import Intake
from sisdrop.pipeline.kit import Kit, Refiner, StreamPolicy
from sisdrop.pipeline.pickups import PickupPlan, Pickups
from sisdrop.pipeline.purge import Purge
from sisdrop.pipeline.recovering import Recovering
from sisdrop.pipeline.resends import Resends
from sisdrop.pipeline.room import Room
from sisdrop.pipeline.steps import Steps
from sisdrop.pipeline.verdict import Verdicts
from sisdrop.precedence import Precedence
from sisdrop.records import refine as reading
from sisdrop.records.check import Checker
from sisdrop.records.crew import crew_size
from sisdrop.records.rules import load_rules
from sisdrop.records.schema import load_schema
from sisdrop.requests import RequestBox
from sisdrop.retention import Clocks
from sisdrop.roster import Roster, key_id, load_key
from sisdrop.rounds import Rounds, Stages
from sisdrop.settings import (
    Duplicates,
    FirstLoad,
    Incomplete,
    Kind,
    Mode,
    NotifySettings,
    Settings,
    StreamSettings,
)
from sisdrop.situation import Situation
from sisdrop.source import Terms
from sisdrop.view import status_view

if TYPE_CHECKING:
    from sisdrop.mailer import PostOffice

LEDGER = "ledger.sqlite3"
FOLDERS = ("outgoing", "archive", "requests")


@dataclass(frozen=True, slots=True)
class Shop:
    """The working parts of one instance, whether it runs as a service or obeys one command."""

    kit: Kit
    stages: Stages
    dispatch: Dispatch
    rounds: Rounds
    box: RequestBox
    situation: Situation
    mails: Mails | None = None


def prepare_data(data: Path) -> None:
    """Make the folders of the data volume.

    Raises:
        Transient: `data_full`.
        NeedsOperator: `ledger_unusable` when it cannot be written.
    """
    with on_data(data):
        for name in FOLDERS:
            (data / name).mkdir(parents=True, exist_ok=True, mode=0o700)


def build_shop(  # noqa: PLR0913, PLR0917 - the outside world comes in here
    settings: Settings,
    ledger: Ledger,
    metrics: Metrics,
    log: Log,
    clock: Clock,
    situation: Situation,
) -> Shop:
    """Put the parts together.

    Raises:
        ConfigError: if the schema or a rule file cannot be used.
    """
    kit = Kit(
        ledger=ledger,
        share=Share(settings.inbox.path),
        archive=Archive(settings.data),
        scanner=build_scanner(settings, clock),
        refine=build_refiner(settings, clock),
        metrics=metrics,
        log=log,
        clock=clock,
        token=lambda: secrets.token_hex(2),
        streams={
            stream.name: _policy(settings, order, stream)
            for order, stream in enumerate(settings.streams, 1)
        },
        name=settings.sftp.name,
        rehearsal=settings.mode is Mode.REHEARSE,
        keeps_alma=settings.validation.incomplete is Incomplete.KEEP_ALMA,
        roster_key=key_id(_roster_key(settings)),
    )
    steps = Steps(kit)
    verdicts = Verdicts(steps)
    stages = Stages(
        steps=steps,
        intake=Intake(steps, verdicts),
        verdicts=verdicts,
        holds=Holds(steps, verdicts),
        purge=Purge(steps, verdicts, _clocks(settings)),
        resends=Resends(steps),
        pickups=Pickups(steps, _pickup_plan(settings)),
        room=Room(kit),
        recovering=Recovering(steps),
    )
    box, expects = RequestBox(settings.data), expects_of(settings)

    def view() -> StatusView:
        moment = situation.now()
        return status_view(ledger, moment, expects, settings.mode, clock.utc())

    rounds = Rounds(kit, stages, box, situation, view)
    mails = build_mails(settings.notify, kit) if settings.notify else None
    return Shop(kit, stages, Dispatch(steps), rounds, box, situation, mails)


def build_mails(notify: NotifySettings, kit: Kit) -> Mails:
    """Who tells people by mail."""
    # Imported where it is needed: most instances send none, and idle ones are to be small.
    from sisdrop.mailer import send  # noqa: PLC0415

    return Mails(kit, partial(send, office_of(notify)), notify.on)


def office_of(notify: NotifySettings) -> "PostOffice":
    """Where mails go."""
    from sisdrop.mailer import PostOffice  # noqa: PLC0415 - as above

    return PostOffice(
        notify.host, notify.port, notify.sender, notify.to, notify.starttls, notify.password_file
    )


def build_scanner(settings: Settings, clock: Clock) -> Scanner:
    """The scanner of the inbox."""
    inbox = settings.inbox
    patterns = [Pattern(stream.name, stream.match) for stream in settings.streams]
    timing = Timing(inbox.settle, inbox.incomplete_after, inbox.ready_suffix)
    return Scanner(inbox.path, patterns, timing, clock)


def build_refiner(settings: Settings, clock: Clock) -> Refiner:
    """The reader of claimed files, with schema and rules loaded once.

    Raises:
        ConfigError: if the schema or a rule file cannot be used.
        Transient, NeedsOperator: if the data volume cannot be used.
    """
    validation = settings.validation
    schema = load_schema(validation.schema_path)
    rules = load_rules(validation.rules, validation.severity, validation.user_groups)
    key = _roster_key(settings)
    limits = reading.Limits(
        settings.inbox.max_file_size, validation.max_record_size, crew_size(validation.workers)
    )

    def refine(  # noqa: PLR0913 - the shape of `Refiner`
        path: Path,
        expected: Signature,
        *,
        file_id: str,
        name: str,
        out_dir: Path,
        progress: Callable[[int], None],
        earlier: Roster | None = None,
        precedence: Precedence | None = None,
    ) -> Refined | StillChanging:
        checker = Checker(schema, rules, clock.utc().date(), key)
        return reading.refine(
            path,
            expected,
            file_id,
            name,
            out_dir,
            checker,
            limits,
            progress,
            earlier,
            precedence=precedence,
        )

    return refine


def _roster_key(settings: Settings) -> bytes:
    with on_data(settings.data):
        return load_key(settings.data, secrets.token_bytes)


def _policy(settings: Settings, order: int, stream: StreamSettings) -> StreamPolicy:
    guard, validation = settings.guard_for(stream), settings.validation
    limits = Limits(
        max_drop=guard.max_drop,
        max_rise=guard.max_rise,
        max_group_drop=guard.max_group_drop,
        min_group=guard.min_group,
        max_field_loss=guard.max_field_loss,
        max_state_rise=guard.max_state_rise,
        max_left_out=validation.max_left_out,
        max_new=guard.max_new,
        max_absent=guard.max_absent,
        hold_first_load=guard.first_load is FirstLoad.HOLD,
        refuse_duplicates=validation.duplicates is Duplicates.REJECT,
        full=stream.kind is Kind.FULL,
    )
    return StreamPolicy(
        name=stream.name,
        order=order,
        limits=limits,
        directory=settings.directory_for(stream),
        expect=expect_of(settings, stream),
    )


def _pickup_plan(settings: Settings) -> PickupPlan:
    sftp, pickup = settings.sftp, settings.pickup
    return PickupPlan(
        watch=pickup.watch,
        interval=pickup.interval,
        overdue_after=pickup.overdue_after,
        account=f"{sftp.username}@{sftp.host}",
        in_turn=sftp.wait_for_pickup,
    )


def _clocks(settings: Settings) -> Clocks:
    kept = settings.archive

    def period(seconds: float | None) -> timedelta | None:
        return None if seconds is None else timedelta(seconds=seconds)

    return Clocks(
        archive=timedelta(seconds=kept.retention),
        rejected=period(kept.rejected_retention),
        held=period(kept.held_retention),
        keep_last=kept.keep_last,
    )


def target_of(settings: Settings) -> Target:
    """Where the zips go."""
    sftp = settings.sftp
    return Target(
        host=sftp.host,
        port=sftp.port,
        username=sftp.username,
        key=sftp.key,
        passphrase_file=sftp.passphrase_file,
        password_file=sftp.password_file,
        known_hosts=sftp.known_hosts,
        connect_timeout=sftp.connect_timeout,
        idle_timeout=sftp.idle_timeout,
        total_timeout=sftp.total_timeout,
        taken_suffixes=settings.pickup.suffixes,
    )


def build_metrics(settings: Settings) -> Metrics:
    """All series of this instance."""
    streams = [stream.name for stream in settings.streams]
    return Metrics(streams, __version__, platform.python_version())


def terms_of(settings: Settings) -> Terms:
    """What pages and probes need to know of the settings."""
    return Terms(
        data=settings.data,
        streams=expects_of(settings),
        mode=settings.mode,
        stale_after=max(60.0, 10 * settings.inbox.scan_interval),
    )
