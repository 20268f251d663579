"""The settings as one typed, frozen value: every section, and what holds between them.

Durations are seconds, sizes are bytes, percentages are fractions and None where the limit is off.
Secrets are paths of files, never their content. The order of the keys is the order of
`docs/configuration.md`, which is generated from here.
"""

from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator

from sisdrop.settings import checks, fields
from sisdrop.settings.house import ArchiveSettings, HttpSettings, LogSettings, NotifySettings
from sisdrop.settings.intake import (
    ExpectSettings,
    GuardSettings,
    InboxSettings,
    StreamSettings,
    ValidationSettings,
)
from sisdrop.settings.leaf import choice
from sisdrop.settings.outgoing import PickupSettings, SftpSettings
from sisdrop.settings.section import Section
from sisdrop.settings.words import Mode


class Settings(Section):
    """All that can be set for one instance: one inbox, one account, its streams."""

    inbox: InboxSettings = Field(description="The share on which files are dropped.")
    data: fields.AbsolutePath = Field(
        description="The folder for the ledger, outgoing files and the archive; never on the share."
    )
    mode: Annotated[Mode, choice(Mode)] = Field(
        default=Mode.DELIVER,
        description="`deliver`, or `rehearse`: everything but the upload.",
    )
    streams: tuple[StreamSettings, ...] = Field(
        default=(StreamSettings(name="patrons", match=("*.xml", "*.zip")),),
        min_length=1,
        description="The kinds of files, in rising precedence: a person in two streams is sent "
        "with the last one listed.",
    )
    validation: ValidationSettings = Field(
        default_factory=ValidationSettings, description="What makes a record or a file bad."
    )
    guard: GuardSettings = Field(
        default_factory=GuardSettings, description="How far a file may differ from the last one."
    )
    sftp: SftpSettings = Field(description="The server that Alma fetches from.")
    pickup: PickupSettings = Field(
        default_factory=PickupSettings, description="How Alma's fetching is seen."
    )
    expect: ExpectSettings = Field(
        default_factory=ExpectSettings, description="When a file should come."
    )
    timezone: fields.Zone = Field(
        default="UTC", description="The zone in which the days and times of `expect` are meant."
    )
    notify: NotifySettings | None = Field(
        default=None, description="Mails to people; null sends none."
    )
    archive: ArchiveSettings = Field(
        default_factory=ArchiveSettings, description="How long files are kept."
    )
    http: HttpSettings = Field(
        default_factory=HttpSettings, description="Where the web page is served."
    )
    log: LogSettings = Field(default_factory=LogSettings, description="What is logged.")

    @field_validator("data")
    @classmethod
    def _apart_from_inbox(cls, value: Path, info: ValidationInfo) -> Path:
        inbox = info.data.get("inbox")
        checks.apart(value, inbox.path if inbox else None)
        return value

    @field_validator("pickup")
    @classmethod
    def _seen_if_waited_for(cls, value: PickupSettings, info: ValidationInfo) -> PickupSettings:
        sftp = info.data.get("sftp")
        checks.seen_if_waited_for(
            watch=value.watch, waits=sftp is not None and sftp.wait_for_pickup
        )
        return value

    @field_validator("streams")
    @classmethod
    def _distinct(cls, value: tuple[StreamSettings, ...]) -> tuple[StreamSettings, ...]:
        checks.distinct([(stream.name, stream.match) for stream in value])
        return value

    @field_validator("validation")
    @classmethod
    def _record_fits(cls, value: ValidationSettings, info: ValidationInfo) -> ValidationSettings:
        inbox = info.data.get("inbox")
        checks.record_fits(value.max_record_size, inbox.max_file_size if inbox else None)
        return value

    def stream(self, name: str) -> StreamSettings:
        """The settings of one stream.

        Raises:
            KeyError: if no stream has this name.
        """
        for stream in self.streams:
            if stream.name == name:
                return stream
        raise KeyError(name)

    def guard_for(self, stream: str | StreamSettings) -> GuardSettings:
        """`guard`, with what this stream changes in it."""
        override = self._of(stream).guard
        if override is None:
            return self.guard
        changes = {key: getattr(override, key) for key in override.model_fields_set}
        return self.guard.model_copy(update=changes)

    def expect_for(self, stream: str | StreamSettings) -> ExpectSettings:
        """The stream's own `expect`, else the common one."""
        return self._of(stream).expect or self.expect

    def directory_for(self, stream: str | StreamSettings) -> str:
        """The stream's own folder on the server, else the common one."""
        return self._of(stream).directory or self.sftp.directory

    def _of(self, stream: str | StreamSettings) -> StreamSettings:
        return self.stream(stream) if isinstance(stream, str) else stream
