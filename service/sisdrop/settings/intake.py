"""The settings of what comes in: the share, the streams, what is expected, what is allowed."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    field_serializer,
    field_validator,
)

from sisdrop.model import Severity
from sisdrop.settings import checks, fields
from sisdrop.settings.leaf import choice
from sisdrop.settings.section import Section
from sisdrop.settings.words import Duplicates, FirstLoad, Incomplete, Kind, Weekday
from sisdrop.units import DAY, GIB, HOUR, MIB, SECOND


class InboxSettings(Section):
    """The share on which files are dropped, and when a file counts as complete."""

    path: fields.AbsolutePath = Field(description="The folder on the share that is watched.")
    scan_interval: fields.Duration = Field(
        default=5 * SECOND, description="How often the folder is listed."
    )
    settle: fields.Duration = Field(
        default=30 * SECOND,
        description="How long a file must stand still before it is taken, by our own clock; "
        "longer than the share's attribute cache.",
    )
    incomplete_after: fields.Duration = Field(
        default=2 * HOUR,
        description="How long after its last change a file without its end is waited for before "
        "it is judged as it is.",
    )
    ready_suffix: fields.Suffix | None = Field(
        default=None,
        description="With an ending such as `.done`, a file is taken when its marker "
        "(`students.xml.done`) is there, instead of when it stands still.",
    )
    max_file_size: fields.Size = Field(
        default=8 * GIB, description="A larger file is rejected, also one inside a zip."
    )

    @field_validator("incomplete_after")
    @classmethod
    def _not_before_settled(cls, value: float, info: ValidationInfo) -> float:
        checks.not_shorter(value, info.data.get("settle"), "inbox.settle")
        return value


class GuardSettings(Section):
    """How far a file may differ from the one sent before it; what goes beyond is held."""

    max_drop: fields.Limit = Field(
        default=0.20, description="How far the number of records may fall."
    )
    max_rise: fields.Limit = Field(
        default=1.0, description="How far the number of records may rise."
    )
    max_new: fields.Limit = Field(
        default=0.30, description="Share of people who were not in the last file, from 50 people."
    )
    max_group_drop: fields.Limit = Field(
        default=0.50, description="How far the number of records of one user group may fall."
    )
    max_absent: fields.Limit = Field(
        default=0.30,
        description="Share of the last file's people who are in this one no more, from 50 people.",
    )
    min_group: fields.GroupSize = Field(
        default=50,
        description="Smaller user groups are not judged by `max_group_drop`, and not named: the "
        "code of a tiny group may tell who is in it.",
    )
    max_field_loss: fields.Limit = Field(
        default=0.05,
        description="How many percentage points fewer records may carry a field (and at least 25 "
        "records), because Alma would erase it.",
    )
    max_state_rise: fields.Limit = Field(
        default=0.05,
        description="How many percentage points more records may be expired, due for purge or "
        "inactive.",
    )
    first_load: Annotated[FirstLoad, choice(FirstLoad)] = Field(
        default=FirstLoad.HOLD, description="Whether the first file of a stream waits for a person."
    )


class GuardOverride(GuardSettings):
    """What one stream changes in `guard`: only the keys that are given count."""


class ExpectSettings(Section):
    """When a file should come; when none does, a metric and an alert say so."""

    every: fields.Duration = Field(
        default=8 * DAY, description="The longest time between two files; a duplicate counts."
    )
    grace: fields.DurationOrZero = Field(
        default=0.0, description="How much later than that a file may be."
    )
    days: tuple[Annotated[Weekday, choice(Weekday)], ...] = Field(
        default=tuple(Weekday),
        min_length=1,
        description="The days of the week on which files come.",
    )
    pause: tuple[fields.Days, ...] = Field(
        default=(), description="Ranges of days on which no file is expected, both ends included."
    )
    unchanged_for: fields.Duration | None = Field(
        default=None, description="Warn when each file has been the same for this long."
    )


class StreamSettings(Section):
    """One kind of file. Streams stand in rising precedence: the last one wins a person."""

    name: fields.Slug = Field(
        description="The stream's name in file names, metrics and reports; never change it."
    )
    match: tuple[fields.FilePattern, ...] = Field(
        min_length=1, description="Patterns of its files' names, without regard to case."
    )
    kind: Annotated[Kind, choice(Kind)] = Field(
        default=Kind.FULL,
        description="`full` if each file lists everybody, `changes` if only changed people.",
    )
    expect: ExpectSettings | None = Field(
        default=None, description="Takes the place of `expect` for this stream."
    )
    guard: GuardOverride | None = Field(
        default=None, description="Keys of `guard` that differ for this stream."
    )
    directory: fields.Line | None = Field(
        default=None, description="Takes the place of `sftp.directory` for this stream."
    )

    @field_serializer("guard", mode="wrap")
    def _only_what_differs(
        self, guard: GuardOverride | None, _: SerializerFunctionWrapHandler
    ) -> dict[str, Any] | None:
        return None if guard is None else guard.model_dump(mode="json", exclude_unset=True)


class ValidationSettings(Section):
    """What makes a record or a file bad."""

    rules: tuple[fields.Rules, ...] = Field(
        default=("alma", "ishare-public"), description="Rule sets by name, rule files by path."
    )
    severity: Mapping[fields.RuleGlob, fields.SeverityWord] = Field(
        default_factory=dict[str, Severity],
        description="Rule ids or patterns of them, and what they shall be: error (the record is "
        "left out), warning (it is counted and sent), off.",
    )
    incomplete: Annotated[Incomplete, choice(Incomplete)] = Field(
        default=Incomplete.DELIVER,
        description="`keep_alma` leaves a record out when the same person had the missing field "
        "in the last file.",
    )
    workers: fields.Workers = Field(
        default="auto", description="Threads that check one large file; 1 is the plain path."
    )
    schema_path: fields.Schema = Field(
        default=None, alias="schema", description="The XML schema that records must follow."
    )
    user_groups: tuple[fields.Token, ...] = Field(
        default=(), description="The user group codes that Alma knows; empty allows any."
    )
    max_left_out: fields.Limit = Field(
        default=0.02,
        description="Share of records that may be left out for errors (and at least 5 records); "
        "a file with more is held.",
    )
    duplicates: Annotated[Duplicates, choice(Duplicates)] = Field(
        default=Duplicates.DROP,
        description="Whether a person's second record is left out, or the file is rejected.",
    )
    max_record_size: fields.Size = Field(
        default=4 * MIB, description="A file with a larger record is rejected."
    )
