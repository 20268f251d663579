"""The settings of the service itself: mails, the archive, the web page, the log."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator

from sisdrop.settings import checks, fields
from sisdrop.settings.leaf import choice
from sisdrop.settings.section import Section
from sisdrop.settings.words import LogFormat, LogLevel, Occasion
from sisdrop.units import DAY


class NotifySettings(Section):
    """Short mails for people who see neither the share nor the cluster; no patron data."""

    smtp: fields.Endpoint = Field(description="The mail server, as `host:port`.")
    sender: fields.Address = Field(alias="from", description="The address that mails come from.")
    to: tuple[fields.Address, ...] = Field(min_length=1, description="Who gets the mails.")
    on: tuple[Annotated[Occasion, choice(Occasion)], ...] = Field(
        default=tuple(Occasion), min_length=1, description="What mails are sent about."
    )
    starttls: fields.Switch = Field(default=True, description="Whether the mail travels encrypted.")
    password_file: fields.SecretFile | None = Field(
        default=None, description="File that holds the password for the sender's address."
    )

    @field_validator("password_file")
    @classmethod
    def _no_password_in_clear(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        checks.no_password_in_clear(value, info.data.get("starttls"))
        return value

    @property
    def host(self) -> str:
        """The mail server's name or address."""
        return self.smtp.rpartition(":")[0].removeprefix("[").removesuffix("]")

    @property
    def port(self) -> int:
        """The mail server's port."""
        return int(self.smtp.rpartition(":")[2])


class ArchiveSettings(Section):
    """How long files are kept, counted from when they were filed."""

    retention: fields.Retention = Field(
        default=60 * DAY, description="How long delivered files are kept."
    )
    rejected_retention: fields.Retention | None = Field(
        default=60 * DAY, description="How long rejected files are kept; null is for ever."
    )
    held_retention: fields.Retention | None = Field(
        default=None, description="How long held files are kept; null is for ever."
    )
    keep_last: fields.Count = Field(
        default=0, description="So many delivered files per stream are kept whatever their age."
    )


class HttpSettings(Section):
    """Where health, metrics and the status page are served."""

    host: fields.Host = Field(default="0.0.0.0", description="The address to listen on.")  # noqa: S104  # a container's port is opened by its Service
    port: fields.PortOrAny = Field(
        default=8080, description="The port to listen on; 0 takes any free one."
    )


class LogSettings(Section):
    """What is logged to stderr."""

    level: Annotated[LogLevel, choice(LogLevel)] = Field(
        default=LogLevel.INFO, description="The least level that is logged."
    )
    format: Annotated[LogFormat, choice(LogFormat)] = Field(
        default=LogFormat.JSON, description="One JSON object a line, or text for people."
    )
