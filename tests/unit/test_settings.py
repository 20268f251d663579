"""What the settings accept and refuse, key by key, and how they are read."""

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from sisdrop.errors import ConfigError
from sisdrop.model import Severity
from sisdrop.settings import (
    Duplicates,
    FirstLoad,
    Incomplete,
    Kind,
    LogFormat,
    LogLevel,
    Mode,
    Occasion,
    Settings,
    Weekday,
    effective,
    load_settings,
    settings_schema,
)
from sisdrop.units import DateRange

MINIMAL: dict[str, Any] = {
    "inbox": {"path": "/inbox"},
    "data": "/data",
    "sftp": {
        "host": "sftp.example.edu",
        "username": "abcftp",
        "key": "/secrets/id_ed25519",
        "known_hosts": "/secrets/known_hosts",
    },
}
MAIL = {"smtp": "mail.example.edu:587", "from": "sis@example.edu", "to": ["library@example.edu"]}
STREAM = {"name": "students", "match": ["*.xml"]}


def with_key(key: str, value: object) -> dict[str, Any]:
    """The least settings with one key set: `sftp.port`, or `streams.name` for the first stream."""
    tree: dict[str, Any] = json.loads(json.dumps(MINIMAL))
    section, _, rest = key.partition(".")
    if section == "streams":
        tree["streams"] = [STREAM | {rest: value}] if rest else value
        return tree
    here = tree
    if section == "notify" and rest:
        tree["notify"] = dict(MAIL)
    *above, last = key.split(".")
    for step in above:
        here = here.setdefault(step, {})
    here[last] = value
    return tree


def load(tmp_path: Path, tree: object, environ: Mapping[str, str] | None = None) -> Settings:
    config = tmp_path / "config.yaml"
    config.write_text(tree if isinstance(tree, str) else yaml.safe_dump(tree), encoding="utf-8")
    return load_settings(config, environ or {})


def problems(
    tmp_path: Path, tree: object, environ: Mapping[str, str] | None = None
) -> dict[str, str]:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, tree, environ)
    found = caught.value.problems
    assert len({problem.key for problem in found}) == len(found)
    return {problem.key: problem.message for problem in found}


def reach(settings: Settings, key: str) -> object:
    """The value of an attribute path; `streams.name` is that of the first stream."""
    here: Any = settings
    names = {"schema": "schema_path", "from": "sender"}
    for step in key.split("."):
        here = getattr(here, names.get(step, step))
        here = here[0] if step == "streams" and key != "streams" else here
    return here


def test_the_least_settings_have_the_documented_defaults(tmp_path: Path) -> None:
    assert effective(load(tmp_path, MINIMAL)) == {
        "inbox": {
            "path": "/inbox",
            "scan_interval": "5s",
            "settle": "30s",
            "incomplete_after": "2h",
            "ready_suffix": None,
            "max_file_size": "8GiB",
        },
        "data": "/data",
        "mode": "deliver",
        "streams": [
            {
                "name": "patrons",
                "match": ["*.xml", "*.zip"],
                "kind": "full",
                "expect": None,
                "guard": None,
                "directory": None,
            }
        ],
        "validation": {
            "rules": ["alma", "ishare-public"],
            "severity": {},
            "incomplete": "deliver",
            "workers": "auto",
            "schema": "builtin",
            "user_groups": [],
            "max_left_out": "2%",
            "duplicates": "drop",
            "max_record_size": "4MiB",
        },
        "guard": {
            "max_drop": "20%",
            "max_rise": "100%",
            "max_new": "30%",
            "max_group_drop": "50%",
            "max_absent": "30%",
            "min_group": 50,
            "max_field_loss": "5%",
            "max_state_rise": "5%",
            "first_load": "hold",
        },
        "sftp": {
            "host": "sftp.example.edu",
            "port": 22,
            "username": "abcftp",
            "key": "/secrets/id_ed25519",
            "passphrase_file": None,
            "password_file": None,
            "known_hosts": "/secrets/known_hosts",
            "directory": "~/upload/ALMA/SIS",
            "name": "{utc:%Y%m%dT%H%M%SZ}-{order:02d}-{stream}-{digest:.8}.zip",
            "wait_for_pickup": False,
            "retry": {"first": "1s", "max": "5m", "probe": "15m"},
            "connect_timeout": "30s",
            "idle_timeout": "1m",
            "total_timeout": "30m",
        },
        "pickup": {
            "watch": True,
            "interval": "10m",
            "overdue_after": "26h",
            "suffixes": [".old", ".handled"],
        },
        "expect": {
            "every": "8d",
            "grace": "0s",
            "days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
            "pause": [],
            "unchanged_for": None,
        },
        "timezone": "UTC",
        "notify": None,
        "archive": {
            "retention": "60d",
            "rejected_retention": "60d",
            "held_retention": None,
            "keep_last": 0,
        },
        "http": {"host": "0.0.0.0", "port": 8080},  # noqa: S104  # the documented default
        "log": {"level": "info", "format": "json"},
    }


ACCEPTED: list[tuple[str, object, object]] = [
    ("inbox.path", "/mnt/share", Path("/mnt/share")),
    ("inbox.scan_interval", "500ms", 0.5),
    ("inbox.settle", "2m", 120.0),
    ("inbox.incomplete_after", "36h", 129600.0),
    ("inbox.ready_suffix", ".done", ".done"),
    ("inbox.ready_suffix", None, None),
    ("inbox.max_file_size", "500MB", 500_000_000),
    ("data", "/var/lib/sisdrop", Path("/var/lib/sisdrop")),
    ("mode", "rehearse", Mode.REHEARSE),
    ("streams.name", "a-1", "a-1"),
    ("streams.match", ["S*.xml", "*.zip"], ("S*.xml", "*.zip")),
    ("streams.kind", "changes", Kind.CHANGES),
    ("streams.directory", "/elsewhere", "/elsewhere"),
    ("validation.rules", ["alma", "/etc/sisdrop/own.toml"], ("alma", "/etc/sisdrop/own.toml")),
    ("validation.rules", [], ()),
    (
        "validation.severity",
        {"ishare.*": "error", "schema.invalid": "warning", "alma.blank-statistic": False},
        {
            "ishare.*": Severity.ERROR,
            "schema.invalid": Severity.WARNING,
            "alma.blank-statistic": Severity.OFF,
        },
    ),
    ("validation.incomplete", "keep_alma", Incomplete.KEEP_ALMA),
    ("validation.workers", 3, 3),
    ("validation.workers", "auto", "auto"),
    ("validation.schema", "/etc/sisdrop/user.xsd", Path("/etc/sisdrop/user.xsd")),
    ("validation.schema", "builtin", None),
    ("validation.user_groups", ["UG", "01"], ("UG", "01")),
    ("validation.max_left_out", 0, 0.0),
    ("validation.duplicates", "reject", Duplicates.REJECT),
    ("validation.max_record_size", "1MiB", 1048576),
    ("guard.max_drop", "12.5%", 0.125),
    ("guard.max_rise", "900%", 9.0),
    ("guard.max_new", "off", None),
    ("guard.max_group_drop", False, None),
    ("guard.max_absent", None, None),
    ("guard.max_field_loss", "0", 0.0),
    ("guard.max_state_rise", "0%", 0.0),
    ("guard.min_group", 5, 5),
    ("guard.first_load", "deliver", FirstLoad.DELIVER),
    ("sftp.host", "2001:db8::7", "2001:db8::7"),
    ("sftp.port", 2222, 2222),
    ("sftp.username", "x_y", "x_y"),
    ("sftp.key", "/k", Path("/k")),
    ("sftp.passphrase_file", "/p", Path("/p")),
    ("sftp.known_hosts", "/kh", Path("/kh")),
    ("sftp.directory", "/upload", "/upload"),
    (
        "sftp.name",
        "{utc:%Y%j%H%M%S}_{stream}_{digest}.zip",
        "{utc:%Y%j%H%M%S}_{stream}_{digest}.zip",
    ),
    ("sftp.wait_for_pickup", True, True),
    ("sftp.retry.first", "5s", 5.0),
    ("sftp.retry.max", "1h", 3600.0),
    ("sftp.retry.probe", "1h", 3600.0),
    ("sftp.connect_timeout", "5s", 5.0),
    ("sftp.idle_timeout", "5s", 5.0),
    ("sftp.total_timeout", "2h", 7200.0),
    ("pickup.watch", False, False),
    ("pickup.interval", "1m", 60.0),
    ("pickup.overdue_after", "3d", 259200.0),
    ("pickup.suffixes", [".done"], (".done",)),
    ("expect.every", "24h", 86400.0),
    ("expect.grace", "6h", 21600.0),
    ("expect.grace", "0s", 0.0),
    ("expect.days", ["mon", "Fri"], (Weekday.MON, Weekday.FRI)),
    (
        "expect.pause",
        ["2026-12-24/2027-01-02"],
        (DateRange(date(2026, 12, 24), date(2027, 1, 2)),),
    ),
    ("expect.unchanged_for", "7d", 604800.0),
    ("timezone", "America/Chicago", "America/Chicago"),
    ("timezone", "UTC", "UTC"),
    ("notify.smtp", "[2001:db8::7]:25", "[2001:db8::7]:25"),
    ("notify.from", "a@example.edu", "a@example.edu"),
    ("notify.to", ["a@example.edu", "b@example.edu"], ("a@example.edu", "b@example.edu")),
    ("notify.on", ["held"], (Occasion.HELD,)),
    ("notify.starttls", False, False),
    ("notify.password_file", "/secrets/mail", Path("/secrets/mail")),
    ("archive.retention", "1d", 86400.0),
    ("archive.retention", "3650d", 315360000.0),
    ("archive.rejected_retention", None, None),
    ("archive.held_retention", "90d", 7776000.0),
    ("archive.keep_last", 5, 5),
    ("http.host", "::", "::"),
    ("http.port", 0, 0),
    ("log.level", "debug", LogLevel.DEBUG),
    ("log.format", "text", LogFormat.TEXT),
]


@pytest.mark.parametrize(("key", "given", "meant"), ACCEPTED, ids=lambda value: str(value)[:40])
def test_a_value_means_what_the_page_says(
    tmp_path: Path, key: str, given: object, meant: object
) -> None:
    settings = load(tmp_path, with_key(key, given))
    assert reach(settings, key) == meant
    assert load(tmp_path, effective(settings)) == settings


REFUSED: list[tuple[str, object, str]] = [
    ("inbox.path", "share", "share is not allowed; give a full path, beginning with /"),
    ("inbox.path", None, "an empty value is not allowed; give a full path"),
    ("inbox.scan_interval", 5, "5 is not allowed; give a duration with its unit"),
    ("inbox.settle", "0s", "0s is not allowed; give a duration"),
    (
        "inbox.incomplete_after",
        "10s",
        "10s is not allowed; give at least 30s, which is inbox.settle",
    ),
    ("inbox.ready_suffix", "done", "done is not allowed; give an ending such as .done"),
    ("inbox.ready_suffix", ".xml", ".xml is not allowed"),
    ("inbox.max_file_size", "8Gi", "8Gi is not allowed; give a size with its unit"),
    ("inbox.max_file_size", "0B", "0B is not allowed; give a size"),
    ("data", "./data", "./data is not allowed; give a full path"),
    ("data", "/inbox", "/inbox is not allowed; give a folder that neither holds inbox.path"),
    ("data", "/inbox/data", "/inbox/data is not allowed; give a folder"),
    ("data", "/", "/ is not allowed; give a folder"),
    ("data", "/a/../inbox", "/a/../inbox is not allowed; give a folder"),
    ("mode", "test", "test is not allowed; give one of deliver, rehearse"),
    ("streams", [], "is empty; give a list"),
    ("streams", "*.xml", "a text is not allowed; give a list of groups"),
    ("streams.name", "Students", "Students is not allowed; give 1 to 32 small letters"),
    ("streams.name", "x" * 33, "is not allowed; give 1 to 32 small letters"),
    ("streams.match", [], "is empty; give a list"),
    ("streams.match", "*.xml", "*.xml is not allowed; give a list"),
    ("streams.kind", "delta", "delta is not allowed; give one of full, changes"),
    ("streams.directory", "", "an empty text is not allowed"),
    ("validation.severity", ["ishare.*"], "a list is not allowed; give pairs"),
    ("validation.incomplete", "skip", "give one of deliver, keep_alma"),
    ("validation.workers", 0, "0 is not allowed; give auto, or a number from 1 up"),
    ("validation.schema", "user.xsd", "give builtin, or the full path of an XSD"),
    ("validation.max_left_out", "2", "2 is not allowed; give a percentage"),
    ("validation.duplicates", "keep", "give one of drop, reject"),
    ("validation.max_record_size", "9GiB", "give at most 8GiB, which is inbox.max_file_size"),
    ("guard.max_drop", 20, "20 is not allowed; give a percentage such as 20%, 0 for none"),
    ("guard.max_rise", "-5%", "-5% is not allowed"),
    ("guard.max_new", True, "true is not allowed; give a percentage"),
    ("guard.max_group_drop", "none", "none is not allowed"),
    ("guard.max_absent", "", "an empty text is not allowed"),
    ("guard.max_field_loss", [], "a list is not allowed"),
    ("guard.max_state_rise", {}, "a group of keys is not allowed"),
    ("guard.min_group", 4, "4 is not allowed; give a number from 5 up"),
    ("guard.first_load", "ask", "give one of hold, deliver"),
    ("sftp.host", "sftp://example.edu", "give the name or address of a machine, without a port"),
    ("sftp.host", "example.edu:22", "give the name or address of a machine, without a port"),
    ("sftp.port", 70000, "70000 is not allowed; give a number from 1 to 65535"),
    ("sftp.port", 0, "0 is not allowed; give a number from 1 to 65535"),
    ("sftp.port", 22.5, "22.5 is not allowed; give a number from 1 to 65535"),
    ("sftp.port", True, "true is not allowed; give a number"),
    ("sftp.username", 123, "123 is not allowed; give a text without blanks; put digits in quotes"),
    ("sftp.username", "a b", "a b is not allowed; give a text without blanks"),
    ("sftp.known_hosts", None, "an empty value is not allowed; give a full path"),
    ("sftp.directory", " ", "an empty text is not allowed"),
    ("sftp.wait_for_pickup", "maybe", "maybe is not allowed; give true or false"),
    ("sftp.retry.max", "500ms", "0.5s is not allowed; give at least 1s, which is sftp.retry.first"),
    ("sftp.retry.probe", "0s", "0s is not allowed"),
    ("sftp.connect_timeout", "30", "30 is not allowed; give a duration"),
    ("sftp.total_timeout", "5s", "5s is not allowed; give at least 1m, which is sftp.idle_timeout"),
    ("pickup.watch", 1, "1 is not allowed; give true or false"),
    (
        "pickup.overdue_after",
        "1m",
        "1m is not allowed; give at least 10m, which is pickup.interval",
    ),
    ("expect.every", "weekly", "weekly is not allowed; give a duration"),
    ("expect.every", "9999d", "9999d is not allowed"),
    ("expect.grace", "-1s", "-1s is not allowed"),
    ("expect.days", [], "is empty; give a list, each item one of mon"),
    ("expect.unchanged_for", "0s", "0s is not allowed"),
    ("timezone", "Chicago", "Chicago is not allowed; give UTC, or the name of a time zone such"),
    ("timezone", "America", "America is not allowed"),
    ("timezone", "../../etc/passwd", "is not allowed; give UTC"),
    ("timezone", "", "an empty text is not allowed"),
    ("timezone", -6, "-6 is not allowed"),
    ("notify", "library@example.edu", "a text is not allowed; give keys and values (smtp, from"),
    ("notify.smtp", "mail.example.edu", "give a host and a port, such as smtp.example.edu:587"),
    ("notify.smtp", "mail.example.edu:0", "give a host and a port"),
    ("notify.from", "The Library", "give a bare mail address"),
    ("notify.to", [], "is empty; give a list"),
    ("notify.starttls", "off", "off is not allowed; give true or false"),
    ("archive.retention", "0s", "0s is not allowed; give a duration from 1d to 3650d"),
    ("archive.retention", "23h", "23h is not allowed"),
    ("archive.retention", "3651d", "3651d is not allowed"),
    ("archive.retention", None, "an empty value is not allowed"),
    ("archive.rejected_retention", "1h", "1h is not allowed; give a duration from 1d to 3650d"),
    ("archive.held_retention", "11000d", "11000d is not allowed"),
    ("archive.keep_last", "all", "all is not allowed; give a number from 0 up"),
    ("http.host", "", "an empty text is not allowed"),
    ("http.port", 65536, "65536 is not allowed; give a number from 0 to 65535"),
    ("log.level", "verbose", "give one of debug, info, warning, error"),
    ("log.format", "xml", "xml is not allowed; give one of json, text"),
]


@pytest.mark.parametrize(("key", "given", "says"), REFUSED, ids=lambda value: str(value)[:40])
def test_a_value_that_cannot_be_is_refused_with_what_is_allowed(
    tmp_path: Path, key: str, given: object, says: str
) -> None:
    found = problems(tmp_path, with_key(key, given))
    assert list(found) == [key.replace("streams.", "streams[0].")]
    assert says in next(iter(found.values()))


ITEMS: list[tuple[str, object, str, str]] = [
    ("streams.match", ["*.xml", "in/*.xml"], "streams[0].match[1]", "in/*.xml is not allowed"),
    ("validation.rules", ["almo"], "validation.rules[0]", "give one of alma, ishare-public, or"),
    ("validation.severity", {"a.b": "fatal"}, "validation.severity.a.b", "error, warning, off"),
    ("validation.severity", {"xml.empty": False}, "validation.severity.xml.empty", "always reject"),
    ("validation.user_groups", [7], "validation.user_groups[0]", "put digits in quotes"),
    ("expect.days", ["son"], "expect.days[0]", "son is not allowed; give one of mon"),
    ("expect.pause", ["2027-01-02/2026-12-24"], "expect.pause[0]", "give a range such as"),
    ("notify.to", ["a, b"], "notify.to[0]", "give a bare mail address"),
    ("notify.on", ["lost"], "notify.on[0]", "give one of held, rejected, delivered, overdue"),
]


@pytest.mark.parametrize(("key", "given", "path", "says"), ITEMS, ids=lambda value: str(value)[:40])
def test_a_refused_item_of_a_list_is_named_by_its_place(
    tmp_path: Path, key: str, given: object, path: str, says: str
) -> None:
    found = problems(tmp_path, with_key(key, given))
    assert list(found) == [path]
    assert says in found[path]


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        ("{stream}-{digest:.8}.zip", "lacks the field {utc}"),
        ("{utc:%Y}-{digest:.8}.zip", "lacks the field {stream}"),
        ("{utc:%Y}-{stream}.zip", "lacks the field {digest}"),
        ("{utc:%Y}-{stream}-{digest:.8}", "does not end with .zip"),
        ("{utc:%Y}-{stream}-{digest:.8}.ZIP", "does not end with .zip"),
        ("in/{utc:%Y}-{stream}-{digest:.8}.zip", "other characters than letters"),
        (".{utc:%Y}-{stream}-{digest:.8}.zip", "begin with one of those three"),
        ("{utc}-{stream}-{digest:.8}.zip", "other characters than letters"),
        ("{utc:%Y}-{stream}-{digest:.4}.zip", "fewer than 8 characters of the digest"),
        ("{utc:%Y}-{stream:.3}-{digest:.8}.zip", "only a part of the stream's name"),
        (
            "{utc:%Y}-{stream}-{digest:.8}-{file}.zip",
            "other fields than utc, order, stream, digest",
        ),
        ("{utc.year}-{stream}-{digest:.8}.zip", "other fields than"),
        ("{utc:%Y}-{stream}-{digest:.8}-{}.zip", "other fields than"),
        ("{utc:%Y}-{stream}-{digest:.8}-{order:x8}.zip", "a format that is not allowed"),
        ("{utc:%Y}-{stream}-{digest:.8}-{order:099999d}.zip", "a format that is not allowed"),
        ("{utc:%Y}-{stream}-{digest!r:.8}.zip", "a format that is not allowed"),
        ("{utc:%Y}-{stream}-{digest:{order}}.zip", "a format that is not allowed"),
        ("{utc:%Y}-{stream}-{digest:.8.zip", "a brace without its partner"),
        ("{utc:%Y}-{stream:>250}-{digest:.8}.zip", "other characters than letters"),
        ("{utc:%Y}-{stream:x>250}-{digest:.8}.zip", "more than 255 characters"),
    ],
)
def test_a_remote_name_that_could_clash_or_hide_is_refused(
    tmp_path: Path, pattern: str, says: str
) -> None:
    found = problems(tmp_path, with_key("sftp.name", pattern))
    assert list(found) == ["sftp.name"]
    assert says in found["sftp.name"]


@pytest.mark.parametrize(
    ("login", "key", "says"),
    [
        ({}, "sftp.key", "is required"),
        ({"key": "/k", "password_file": "/p"}, "sftp.password_file", "give one of the two"),
        ({"password_file": "/p", "passphrase_file": "/pp"}, "sftp.passphrase_file", "remove it"),
    ],
)
def test_there_is_exactly_one_way_to_log_in(
    tmp_path: Path, login: dict[str, str], key: str, says: str
) -> None:
    others = {name: value for name, value in MINIMAL["sftp"].items() if name != "key"}
    found = problems(tmp_path, MINIMAL | {"sftp": others | login})
    assert list(found) == [key]
    assert says in found[key]


def test_a_password_takes_the_place_of_a_key(tmp_path: Path) -> None:
    settings = load(
        tmp_path, MINIMAL | {"sftp": MINIMAL["sftp"] | {"key": None, "password_file": "/p"}}
    )
    assert settings.sftp.key is None
    assert settings.sftp.password_file == Path("/p")


def test_a_mail_password_does_not_travel_in_clear(tmp_path: Path) -> None:
    tree = MINIMAL | {"notify": MAIL | {"starttls": False, "password_file": "/p"}}
    assert list(problems(tmp_path, tree)) == ["notify.password_file"]


@pytest.mark.parametrize(
    ("second", "says"),
    [
        ({"name": "students", "match": ["*.zip"]}, "students is there more than once"),
        ({"name": "staff", "match": ["*.XML"]}, "*.XML stands in students and in staff"),
    ],
)
def test_streams_can_be_told_apart(tmp_path: Path, second: object, says: str) -> None:
    found = problems(tmp_path, MINIMAL | {"streams": [STREAM, second]})
    assert says in found["streams"]


def test_a_limit_is_compared_with_a_default_that_was_left_out(tmp_path: Path) -> None:
    found = problems(tmp_path, with_key("inbox.settle", "3h"))
    assert found == {
        "inbox.incomplete_after": "2h is not allowed; give at least 3h, which is inbox.settle"
    }


def test_every_problem_is_reported_at_once(tmp_path: Path) -> None:
    tree = """
inbox: {path: /share}
inbox: {path: /inbox}
data: /inbox/data
pickup: {interval: 0s, wacth: true}
sftp: {username: u, port: 70000, known_hosts: kh, retry: {first: 10m}}
guard: {max_drop: 20}
streams:
  - {name: a, match: ["*.xml"], guard: {max_dorp: 1%}}
validation: {max_record_size: 10GiB}
archive: {retention: 0d}
colour: blue
"""
    environ = {"SISDROP_HTTP__PORT": "high", "SISDROP_LOGLEVEL": "info", "SISDROP_NOTIFY": "{"}
    assert problems(tmp_path, tree, environ).keys() == {
        "inbox",
        "data",
        "pickup.interval",
        "pickup.wacth",
        "sftp.host",
        "sftp.port",
        "sftp.key",
        "sftp.known_hosts",
        "sftp.retry.max",
        "guard.max_drop",
        "streams[0].guard.max_dorp",
        "validation.max_record_size",
        "archive.retention",
        "colour",
        "http.port",
        "SISDROP_LOGLEVEL",
        "notify",
    }


def test_a_problem_reads_as_one_plain_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, with_key("sftp.port", 70000))
    assert str(caught.value) == "sftp.port: 70000 is not allowed; give a number from 1 to 65535"


def test_required_keys_are_named_one_by_one(tmp_path: Path) -> None:
    found = problems(tmp_path, "")
    assert list(found) == [
        "inbox.path",
        "data",
        "sftp.host",
        "sftp.username",
        "sftp.key",
        "sftp.known_hosts",
    ]
    assert all(message.startswith("is required; give ") for message in found.values())


def test_a_list_whose_items_are_all_refused_is_not_called_empty_as_well(tmp_path: Path) -> None:
    assert list(problems(tmp_path, with_key("streams.match", [1]))) == ["streams[0].match[0]"]


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("sftp.hots", "host"),
        ("inbox.settle_seconds", "settle"),
        ("streams.matches", "match"),
        ("notify.form", "from"),
        ("validations", "validation"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_known_one(
    tmp_path: Path, key: str, meant: str
) -> None:
    found = problems(tmp_path, with_key(key, "x"))
    assert found == {key.replace("streams.", "streams[0]."): f"is not known; did you mean {meant}?"}


def test_an_unknown_key_like_no_other_is_refused_with_what_there_is(tmp_path: Path) -> None:
    found = problems(tmp_path, with_key("log.zzz", "x"))
    assert found == {"log.zzz": "is not known; known here are level, format"}


SECRET = "fake-hunter2"  # noqa: S105  # planted, to see that it never comes back


@pytest.mark.parametrize(
    "tree",
    [
        with_key("sftp.password_file", SECRET),
        with_key("sftp.key", f"-----BEGIN\n{SECRET}\n-----END"),
        with_key("sftp.passphrase_file", {"value": SECRET}),
        with_key("sftp.passphrase_file", [SECRET]),
        with_key("sftp.password", SECRET),
        with_key("sftp", SECRET),
        with_key("notify", SECRET),
        with_key("notify.smtp", f"library:{SECRET}@mail.example.edu"),
        with_key("notify.password_file", SECRET),
        f"sftp: *{SECRET}\n",
        f"sftp:\n  password: @{SECRET}\n",
        f"sftp: !{SECRET} x\n",
        f"- {SECRET}\n",
        SECRET,
    ],
    ids=lambda tree: str(tree)[-60:],
)
def test_a_secret_in_the_wrong_place_is_never_repeated(tmp_path: Path, tree: object) -> None:
    found = problems(tmp_path, tree)
    assert SECRET not in str(found)


def test_a_secret_in_the_wrong_variable_is_never_repeated(tmp_path: Path) -> None:
    environ = {
        "SISDROP_SFTP__PASSWORD_FILE": SECRET,
        "SISDROP_SFTP__PASSWORD": SECRET,
        "SISDROP_NOTIFY": f'{{"password": "{SECRET}"',
    }
    found = problems(tmp_path, MINIMAL, environ)
    assert len(found) == 3
    assert SECRET not in str(found)


def test_settings_show_secrets_only_as_paths(tmp_path: Path) -> None:
    secret = tmp_path / "key"
    secret.write_text(SECRET, encoding="utf-8")
    settings = load(tmp_path, with_key("sftp.key", str(secret)))
    for shown in (repr(settings), str(settings), json.dumps(effective(settings))):
        assert str(secret) in shown
        assert SECRET not in shown


def test_settings_do_not_change(tmp_path: Path) -> None:
    settings = load(tmp_path, MINIMAL)
    with pytest.raises(ValueError, match="frozen"):
        settings.mode = Mode.REHEARSE  # type: ignore[misc]  # that it is refused is the point


@pytest.mark.parametrize("section", ["inbox", "guard", "log", "validation", "expect", "archive"])
def test_a_heading_without_keys_means_the_defaults(tmp_path: Path, section: str) -> None:
    environ = {"SISDROP_INBOX__PATH": "/inbox"}
    assert load(tmp_path, MINIMAL | {section: None}, environ) == load(tmp_path, MINIMAL)


@pytest.mark.parametrize("written", ["off", "'off'", "Off", "OFF", "false", "null", ""])
def test_off_is_understood_however_yaml_writes_it(tmp_path: Path, written: str) -> None:
    text = yaml.safe_dump(MINIMAL) + f"guard:\n  max_drop: {written}\n"
    assert load(tmp_path, text).guard.max_drop is None


@pytest.mark.parametrize("written", ["off", "'off'", "OFF", "false"])
def test_a_rule_is_switched_off_however_yaml_writes_it(tmp_path: Path, written: str) -> None:
    text = yaml.safe_dump(MINIMAL) + f"validation:\n  severity: {{alma.*: {written}}}\n"
    assert load(tmp_path, text).validation.severity == {"alma.*": Severity.OFF}


@pytest.mark.parametrize("key", ["on", "'on'", "true"])
def test_the_key_on_is_understood_however_yaml_writes_it(tmp_path: Path, key: str) -> None:
    mail = "smtp: mail.example.edu:25, from: a@example.edu, to: [b@example.edu]"
    text = yaml.safe_dump(MINIMAL) + f"notify: {{{mail}, {key}: [overdue]}}\n"
    settings = load(tmp_path, text)
    assert settings.notify is not None
    assert settings.notify.on == (Occasion.OVERDUE,)


def test_the_mail_server_has_a_host_and_a_port(tmp_path: Path) -> None:
    for smtp, host in (
        ("mail.example.edu:25", "mail.example.edu"),
        ("[2001:db8::7]:25", "2001:db8::7"),
    ):
        notify = load(tmp_path, with_key("notify.smtp", smtp)).notify
        assert notify is not None
        assert (notify.host, notify.port) == (host, 25)


def test_dates_are_read_as_they_stand(tmp_path: Path) -> None:
    text = yaml.safe_dump(MINIMAL) + "expect: {pause: [2026-12-24/2027-01-02]}\n"
    assert str(load(tmp_path, text).expect.pause[0]) == "2026-12-24/2027-01-02"
    text = yaml.safe_dump(MINIMAL) + "expect: {pause: [2026-12-24]}\n"
    assert "2026-12-24 is not allowed" in problems(tmp_path, text)["expect.pause[0]"]


def test_a_stream_changes_only_what_it_says(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        MINIMAL
        | {
            "guard": {"max_drop": "10%", "max_rise": "off"},
            "expect": {"every": "24h", "days": ["mon"]},
            "streams": [
                {"name": "plain", "match": ["p*"]},
                {
                    "name": "own",
                    "match": ["o*"],
                    "guard": {"max_drop": "off", "first_load": "deliver"},
                    "expect": {"every": "12h"},
                    "directory": "~/own",
                },
            ],
        },
    )
    assert settings.guard_for("plain") == settings.guard
    own = settings.guard_for(settings.streams[1])
    assert (own.max_drop, own.max_rise, own.first_load) == (None, None, FirstLoad.DELIVER)
    assert own.max_new == settings.guard.max_new
    assert settings.expect_for("plain") == settings.expect
    assert settings.expect_for("own").every == 43200.0
    assert settings.expect_for("own").days == tuple(Weekday)
    assert settings.directory_for("plain") == "~/upload/ALMA/SIS"
    assert settings.directory_for("own") == "~/own"
    assert load(tmp_path, effective(settings)) == settings
    with pytest.raises(KeyError):
        settings.guard_for("nobody")


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    tree = MINIMAL | {
        "guard": {"max_drop": "10%", "max_rise": "10%"},
        "validation": {"severity": {"a.b": "error"}},
        "notify": MAIL,
    }
    environ = {
        "SISDROP_CONFIG": "/etc/sisdrop/config.yaml",
        "SISDROP_SFTP__PORT": "2222",
        "SISDROP_SFTP__RETRY__MAX": "10m",
        "SISDROP_GUARD__MAX_DROP": "off",
        "SISDROP_PICKUP__WATCH": "false",
        "SISDROP_VALIDATION__SEVERITY": '{"c.d": "warning"}',
        "SISDROP_VALIDATION__SCHEMA": "/x.xsd",
        "SISDROP_STREAMS": '[{"name": "env", "match": ["*.xml"]}]',
        "SISDROP_INBOX__READY_SUFFIX": "null",
        "SISDROP_NOTIFY__FROM": "env@example.edu",
        "SISDROP_NOTIFY__TO": '["c@example.edu"]',
        "PATH": "/bin",
    }
    settings = load(tmp_path, tree, environ)
    assert settings.sftp.port == 2222
    assert settings.sftp.host == "sftp.example.edu"
    assert settings.sftp.retry.max == 600.0
    assert settings.guard.max_drop is None
    assert settings.guard.max_rise == 0.1
    assert settings.pickup.watch is False
    assert settings.validation.severity == {"c.d": Severity.WARNING}
    assert settings.validation.schema_path == Path("/x.xsd")
    assert [stream.name for stream in settings.streams] == ["env"]
    assert settings.notify is not None
    assert (settings.notify.sender, settings.notify.smtp) == ("env@example.edu", MAIL["smtp"])
    assert settings.notify.to == ("c@example.edu",)


def test_a_group_in_the_environment_is_merged_and_its_own_keys_win(tmp_path: Path) -> None:
    environ = {
        "SISDROP_GUARD": '{"max_rise": "5%", "min_group": 7}',
        "SISDROP_GUARD__MIN_GROUP": "9",
    }
    guard = load(tmp_path, with_key("guard.max_drop", "10%"), environ).guard
    assert (guard.max_drop, guard.max_rise, guard.min_group) == (0.1, 0.05, 9)


def test_null_in_the_environment_takes_back_what_the_file_says(tmp_path: Path) -> None:
    tree = MINIMAL | {"notify": MAIL, "archive": {"held_retention": "9d"}}
    environ = {"SISDROP_NOTIFY": "null", "SISDROP_ARCHIVE__HELD_RETENTION": "null"}
    settings = load(tmp_path, tree, environ)
    assert settings.notify is None
    assert settings.archive.held_retention is None


def test_the_environment_alone_is_enough() -> None:
    environ = {
        "SISDROP_INBOX__PATH": "/inbox",
        "SISDROP_DATA": "/data",
        "SISDROP_SFTP": json.dumps(MINIMAL["sftp"]),
    }
    settings = load_settings(None, environ)
    assert settings == Settings.model_validate(MINIMAL)


def test_a_problem_names_the_variable_that_set_it(tmp_path: Path) -> None:
    environ = {"SISDROP_SFTP__PORT": "70000", "SISDROP_STREAMS": '[{"name": "A", "match": ["*"]}]'}
    found = problems(tmp_path, with_key("http.port", -1), environ)
    assert found["sftp.port"].endswith("from 1 to 65535 (set by SISDROP_SFTP__PORT)")
    assert found["streams[0].name"].endswith("(set by SISDROP_STREAMS)")
    assert "SISDROP" not in found["http.port"]


@pytest.mark.parametrize(
    ("variable", "says"),
    [
        ("SISDROP_HTTP_PORT", "did you mean SISDROP_HTTP__PORT?"),
        ("SISDROP_SFTP__PROT", "did you mean SISDROP_SFTP__PORT?"),
        ("SISDROP_sftp__port", "is not known"),
        ("SISDROP_STREAMS__NAME", "is not known"),
        ("SISDROP_VALIDATION__SEVERITY__X", "is not known"),
        ("SISDROP_", "is not known"),
        ("SISDROP_SERVICE_PORTS_X", None),
        ("SISDROP_OTHER_SERVICE_HOST", None),
    ],
)
def test_an_unknown_variable_is_refused(tmp_path: Path, variable: str, says: str | None) -> None:
    if says is None:
        load(tmp_path, MINIMAL, {variable: "x"})
        return
    found = problems(tmp_path, MINIMAL, {variable: "x"})
    assert list(found) == [variable]
    assert says in found[variable]


def test_what_kubernetes_injects_for_our_service_is_passed_over(tmp_path: Path) -> None:
    environ = {
        "SISDROP_SERVICE_HOST": "10.0.0.7",
        "SISDROP_SERVICE_PORT": "8080",
        "SISDROP_SERVICE_PORT_HTTP": "8080",
        "SISDROP_PORT": "tcp://10.0.0.7:8080",
        "SISDROP_PORT_8080_TCP": "tcp://10.0.0.7:8080",
        "SISDROP_PORT_8080_TCP_PROTO": "tcp",
        "SISDROP_PORT_8080_TCP_PORT": "8080",
        "SISDROP_PORT_8080_TCP_ADDR": "10.0.0.7",
    }
    assert load(tmp_path, MINIMAL, environ) == load(tmp_path, MINIMAL)


def test_what_kubernetes_injects_for_a_service_named_after_a_member_is_passed_over(
    tmp_path: Path,
) -> None:
    environ = {
        "SISDROP_ABC_SERVICE_HOST": "10.0.0.7",
        "SISDROP_ABC_SERVICE_PORT": "8080",
        "SISDROP_ABC_PORT": "tcp://10.0.0.7:8080",
        "SISDROP_ABC_PORT_8080_TCP": "tcp://10.0.0.7:8080",
    }
    assert load(tmp_path, MINIMAL, environ) == load(tmp_path, MINIMAL)
    del environ["SISDROP_ABC_SERVICE_HOST"]
    assert problems(tmp_path, MINIMAL, environ).keys() == environ.keys()


@pytest.mark.parametrize("value", ["", "[", "patrons", "[" * 100_000])
def test_a_list_in_the_environment_must_be_json(tmp_path: Path, value: str) -> None:
    found = problems(tmp_path, MINIMAL, {"SISDROP_STREAMS": value})
    assert list(found) == ["streams"]
    assert found["streams"].startswith("is not JSON; give a list of groups")


def test_a_syntax_error_is_reported_with_its_line_and_nothing_else(tmp_path: Path) -> None:
    found = problems(tmp_path, "data: /data\ninbox: {path: /inbox\nsftp: x\n")
    assert len(found) == 1
    (key, message), *_ = found.items()
    assert key == str(tmp_path / "config.yaml")
    assert message.startswith("line 3 is not YAML")


@pytest.mark.parametrize(
    "text",
    [
        "a: 1\n---\nb: 2\n",
        "a: \x07",
        "a: !!python/object:os.system x",
        "a: !!timestamp x",
        "a: !!bool x",
        "a: !!int x",
        "[" * 5000,
    ],
)
def test_what_is_not_plain_yaml_is_refused(tmp_path: Path, text: str) -> None:
    found = problems(tmp_path, text)
    assert list(found) == [str(tmp_path / "config.yaml")]


@pytest.mark.parametrize("text", ["- a", "just words", "7"])
def test_a_file_without_keys_is_refused(tmp_path: Path, text: str) -> None:
    assert "holds no keys" in problems(tmp_path, text)[str(tmp_path / "config.yaml")]


def test_a_repeated_key_is_refused_with_both_lines(tmp_path: Path) -> None:
    text = yaml.safe_dump(MINIMAL) + "streams:\n- name: a\n  match: ['*']\n  name: b\n"
    line = text[: text.index("- name: a")].count("\n") + 1
    assert problems(tmp_path, text) == {
        "streams[0].name": f"stands in line {line} and in line {line + 2}; give it once"
    }


def test_an_alias_may_repeat_a_group_and_a_loop_of_them_is_refused(tmp_path: Path) -> None:
    text = yaml.safe_dump(MINIMAL) + (
        "streams:\n- {name: a, match: [a*], guard: &g {max_drop: 5%}}\n"
        "- {name: b, match: [b*], guard: {<<: *g, max_rise: 6%}}\n"
    )
    settings = load(tmp_path, text)
    assert settings.guard_for("b").max_drop == 0.05
    assert settings.guard_for("b").max_rise == 0.06
    assert list(problems(tmp_path, yaml.safe_dump(MINIMAL) + "guard: &g {max_drop: *g}\n")) == [
        "guard.max_drop"
    ]


def test_a_file_that_is_not_there_is_the_only_thing_said_about_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(tmp_path / "none.yaml", {"SISDROP_X": "1"})
    assert [problem.key for problem in caught.value.problems] == [
        str(tmp_path / "none.yaml"),
        "SISDROP_X",
    ]
    assert "is not there" in str(caught.value)


def test_a_file_that_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_settings(tmp_path, {})
    (tmp_path / "latin.yaml").write_bytes(b"data: /d\xe9")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load_settings(tmp_path / "latin.yaml", {})


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    assert load(tmp_path, "\ufeff" + yaml.safe_dump(MINIMAL)) == load(tmp_path, MINIMAL)


def test_the_schema_has_human_forms_defaults_and_the_keys_of_the_file() -> None:
    schema = settings_schema()
    assert schema["required"] == ["inbox", "data", "sftp"]
    inbox = schema["$defs"]["InboxSettings"]["properties"]
    assert inbox["settle"]["type"] == "string"
    assert inbox["settle"]["default"] == "30s"
    assert inbox["max_file_size"]["default"] == "8GiB"
    assert schema["$defs"]["ValidationSettings"]["properties"]["schema"]["default"] == "builtin"
    assert schema["$defs"]["GuardSettings"]["properties"]["max_drop"]["default"] == "20%"
    assert "default" not in schema["$defs"]["GuardOverride"]["properties"]["max_drop"]
    assert "from" in schema["$defs"]["NotifySettings"]["properties"]
    assert schema["$defs"]["SftpSettings"]["additionalProperties"] is False
    json.dumps(schema)


def test_nobody_waits_for_a_pickup_that_nobody_looks_for(tmp_path: Path) -> None:
    tree = MINIMAL | {
        "sftp": MINIMAL["sftp"] | {"wait_for_pickup": True},
        "pickup": {"watch": False},
    }
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, tree)
    assert str(caught.value) == (
        "pickup.watch: false is not allowed with sftp.wait_for_pickup: true, which would wait for"
        " ever"
    )
