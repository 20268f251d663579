"""Typed settings from a YAML file and the environment, every problem reported at once."""

from sisdrop.settings.house import ArchiveSettings, HttpSettings, LogSettings, NotifySettings
from sisdrop.settings.intake import (
    ExpectSettings,
    GuardOverride,
    GuardSettings,
    InboxSettings,
    StreamSettings,
    ValidationSettings,
)
from sisdrop.settings.load import load_settings
from sisdrop.settings.model import Settings
from sisdrop.settings.outgoing import PickupSettings, RetrySettings, SftpSettings
from sisdrop.settings.shape import effective, settings_schema
from sisdrop.settings.words import (
    Duplicates,
    FirstLoad,
    Incomplete,
    Kind,
    LogFormat,
    LogLevel,
    Mode,
    Occasion,
    Weekday,
)

__all__ = [
    "ArchiveSettings",
    "Duplicates",
    "ExpectSettings",
    "FirstLoad",
    "GuardOverride",
    "GuardSettings",
    "HttpSettings",
    "InboxSettings",
    "Incomplete",
    "Kind",
    "LogFormat",
    "LogLevel",
    "LogSettings",
    "Mode",
    "NotifySettings",
    "Occasion",
    "PickupSettings",
    "RetrySettings",
    "Settings",
    "SftpSettings",
    "StreamSettings",
    "ValidationSettings",
    "Weekday",
    "effective",
    "load_settings",
    "settings_schema",
]
