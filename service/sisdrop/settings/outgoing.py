"""The settings of what goes out: the server, the waits, and what Alma fetches."""

from pathlib import Path

from pydantic import Field, ValidationInfo, field_validator

from sisdrop.delivery.remote import REPORTED_SUFFIXES
from sisdrop.settings import checks, fields
from sisdrop.settings.section import Section
from sisdrop.units import HOUR, MINUTE, SECOND


class RetrySettings(Section):
    """How long to wait between attempts to deliver."""

    first: fields.Duration = Field(default=1 * SECOND, description="The first wait.")
    max: fields.Duration = Field(
        default=5 * MINUTE, description="The longest wait; waits double until then."
    )
    probe: fields.Duration = Field(
        default=15 * MINUTE,
        description="The wait after a refusal that needs an operator, so that no account is "
        "locked; a restart tries at once.",
    )

    @field_validator("max")
    @classmethod
    def _not_below_first(cls, value: float, info: ValidationInfo) -> float:
        checks.not_shorter(value, info.data.get("first"), "sftp.retry.first")
        return value


class SftpSettings(Section):
    """The server that Alma fetches from, and how zips get there."""

    host: fields.Host = Field(description="The server's name or address.")
    port: fields.Port = Field(default=22, description="The server's port.")
    username: fields.Token = Field(description="The account on the server.")
    key: fields.SecretFile | None = Field(
        default=None,
        description="File that holds the private key; this or `password_file` is required.",
    )
    passphrase_file: fields.SecretFile | None = Field(
        default=None, description="File that holds the key's passphrase."
    )
    password_file: fields.SecretFile | None = Field(
        default=None,
        validate_default=True,
        description="File that holds the account's password, where the server takes no key.",
    )
    known_hosts: fields.AbsolutePath = Field(
        description="File with one or more host keys of the server; the check cannot be switched "
        "off."
    )
    directory: fields.Line = Field(
        default="~/upload/ALMA/SIS",
        description="The folder on the server; `~/` is the folder in which SFTP starts.",
    )
    name: fields.Line = Field(
        default="{utc:%Y%m%dT%H%M%SZ}-{order:02d}-{stream}-{digest:.8}.zip",
        description="The zip's name on the server; fields are `utc`, `order` (place of the stream "
        "in the list), `stream` and `digest`.",
    )
    wait_for_pickup: fields.Switch = Field(
        default=False,
        description="Whether a stream waits until the earlier stream's zip has been fetched.",
    )
    retry: RetrySettings = Field(
        default_factory=RetrySettings, description="Waits between attempts."
    )
    connect_timeout: fields.Duration = Field(
        default=30 * SECOND, description="How long a connection may take to stand."
    )
    idle_timeout: fields.Duration = Field(
        default=60 * SECOND, description="How long a transfer may stand still."
    )
    total_timeout: fields.Duration = Field(
        default=30 * MINUTE, description="How long one delivery may take in all."
    )

    @field_validator("password_file")
    @classmethod
    def _one_way_in(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        checks.one_way_in(value, info.data)
        return value

    @field_validator("name")
    @classmethod
    def _reliable_name(cls, value: str) -> str:
        return checks.reliable_name(value)

    @field_validator("total_timeout")
    @classmethod
    def _not_below_idle(cls, value: float, info: ValidationInfo) -> float:
        checks.not_shorter(value, info.data.get("idle_timeout"), "sftp.idle_timeout")
        return value


class PickupSettings(Section):
    """How the service sees that Alma has fetched a zip."""

    watch: fields.Switch = Field(
        default=True, description="Whether the remote folder is listed while a zip waits there."
    )
    interval: fields.Duration = Field(default=10 * MINUTE, description="How often it is listed.")
    overdue_after: fields.Duration = Field(
        default=26 * HOUR,
        description="A zip that waits longer is overdue: a metric and an alert say so, once the "
        "first one was seen to be fetched.",
    )
    suffixes: tuple[fields.Suffix, ...] = Field(
        default=REPORTED_SUFFIXES,
        description="What Alma adds to the name of a zip that it has fetched; of use only where "
        "the server forbids to list the folder.",
    )

    @field_validator("overdue_after")
    @classmethod
    def _not_below_interval(cls, value: float, info: ValidationInfo) -> float:
        checks.not_shorter(value, info.data.get("interval"), "pickup.interval")
        return value
