"""The whole walk: from the settings over data volume and share to the server."""

import os
import secrets
from datetime import datetime

from sisdrop.build import office_of, target_of
from sisdrop.clock import Clock, SystemClock
from sisdrop.letters import MailFailed
from sisdrop.mailer import TIMEOUT, try_connection
from sisdrop.plain import clock_time, quantity
from sisdrop.preflight.data import DataVolume
from sisdrop.preflight.point import Looker, Point, Unfit
from sisdrop.preflight.server import Way
from sisdrop.preflight.share import SharePlace
from sisdrop.settings import NotifySettings, Settings

# Seconds: a share that wakes its disks answers by then.
_PATIENCE = 30.0
_REMOUNT = "its mount hangs; look at its server and network, then mount it again"
_RESOLVER = "look at DNS and the network policy"
# A machine without a clock starts in 1970 or in the year it was built.
_YEARS = range(2025, 2100)


class Walk:
    """One look at everything; the clock and the token of the probe files come in here."""

    def __init__(
        self, settings: Settings, clock: Clock | None = None, token: str | None = None
    ) -> None:
        self._settings = settings
        self._clock = clock or SystemClock()
        self._token = token or secrets.token_hex(4)

    def points(self, *, adopt_share: bool) -> list[Point]:
        """Every point, in the order in which an operator mends them."""
        return [
            settings_point(self._settings),
            user_point(os.geteuid(), os.getegid(), os.getgroups()),
            clock_point(self._clock.utc()),
            *self._folders(adopt_share=adopt_share),
            *self._server(),
            *self._mail(),
        ]

    def _folders(self, *, adopt_share: bool) -> list[Point]:
        """The share is listed before anything is made, and written on only when it is ours."""
        settings, token = self._settings, self._token
        data = DataVolume(
            settings.data, Looker("the data volume", _PATIENCE, _REMOUNT), token, self._now
        )
        share = SharePlace(
            settings.inbox.path,
            settings.data,
            Looker("the share", _PATIENCE, _REMOUNT),
            token,
            self._now,
        )
        inbox, found = share.inbox()
        volume = data.points(found.largest if found else 0)
        ledger, known = data.ledger()
        lock = data.lock()
        rights = share.points(known, there=found is not None, adopt_share=adopt_share)
        return [*volume, ledger, lock, inbox, *rights]

    def _server(self) -> list[Point]:
        settings = self._settings
        directories = dict.fromkeys(settings.directory_for(stream) for stream in settings.streams)
        # Longer than a knock at the port may take, which has a limit of its own.
        patience = settings.sftp.connect_timeout + _PATIENCE
        looker = Looker("the network", patience, _RESOLVER)
        return Way(target_of(settings), tuple(directories), looker).points(self._token)

    def _mail(self) -> list[Point]:
        notify = self._settings.notify
        if notify is None:
            return []
        looker = Looker("the network", 2 * TIMEOUT, _RESOLVER)
        return [looker.look("mail", lambda: mail_text(notify))]

    def _now(self) -> float:
        return self._clock.utc().timestamp()


def settings_point(settings: Settings) -> Point:
    """What the settings say."""
    streams = quantity(len(settings.streams), "stream")
    return Point("settings", ok=True, detail=f"valid; {streams}, mode {settings.mode}")


def mail_text(notify: NotifySettings) -> str:
    """How the mail server takes us; no mail is sent.

    Raises:
        Unfit: if it does not.
    """
    try:
        try_connection(office_of(notify))
    except MailFailed as error:
        raise Unfit(f"{notify.smtp}: {error}; files go out all the same") from error
    kind = "encrypted" if notify.starttls else "not encrypted"
    return f"{notify.smtp} takes mail from {notify.sender}, {kind}"


def user_point(user: int, group: int, groups: list[int]) -> Point:
    """Whose rights are looked at: those of whoever runs the command."""
    also = ", ".join(str(number) for number in sorted({*groups} - {group})) or "none"
    detail = f"UID {user}, GID {group}, other groups {also}"
    if user == 0:
        detail += "; root may do everything, so run this as the user that the service runs as"
    return Point("user", ok=True, detail=detail)


def clock_point(now: datetime) -> Point:
    """Whether our own clock can be right: names, retention and dates depend on it."""
    shown = clock_time(now)
    if now.year not in _YEARS:
        return Point("clock", ok=False, detail=f"{shown} cannot be right: set it, best by NTP")
    return Point("clock", ok=True, detail=shown)
