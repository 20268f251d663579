"""The closed lists of words that the settings are written in."""

from enum import StrEnum


class Mode(StrEnum):
    """Whether zips are uploaded, or everything but the upload is done."""

    DELIVER = "deliver"
    REHEARSE = "rehearse"


class Kind(StrEnum):
    """Whether each file lists all people of its stream, or only the changed ones."""

    FULL = "full"
    CHANGES = "changes"


class Incomplete(StrEnum):
    """What becomes of a record that lacks a field with a warning rule."""

    DELIVER = "deliver"
    KEEP_ALMA = "keep_alma"


class Duplicates(StrEnum):
    """What becomes of a person's second record in one file."""

    DROP = "drop"
    REJECT = "reject"


class FirstLoad(StrEnum):
    """What becomes of the first file of a stream."""

    HOLD = "hold"
    DELIVER = "deliver"


class Weekday(StrEnum):
    """The days of the week, Monday first."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


class Occasion(StrEnum):
    """What a mail may be about."""

    HELD = "held"
    REJECTED = "rejected"
    DELIVERED = "delivered"
    OVERDUE = "overdue"


class LogLevel(StrEnum):
    """The least level that is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(StrEnum):
    """One JSON object a line, or text for people."""

    JSON = "json"
    TEXT = "text"
