"""Which values cannot stand together. Pure; each refusal names the key to change.

Every check looks at one value and what was read before it, so that one wrong value does not hide
what is wrong elsewhere; a value that was itself refused is absent here and not judged again.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sisdrop.settings.leaf import refused, shown
from sisdrop.settings.remote_name import check_remote_name
from sisdrop.units import format_duration, format_size


def not_shorter(value: float, least: float | None, key: str) -> None:
    """Refuse a duration that is shorter than another one, in seconds."""
    if least is not None and value < least:
        raise refused(
            f"{format_duration(value)} is not allowed; give at least {format_duration(least)},"
            f" which is {key}"
        )


def one_way_in(password_file: Path | None, before: Mapping[str, Any]) -> None:
    """Refuse two ways to log in, or none."""
    if "key" not in before:
        return
    if before["key"] is None and password_file is None:
        raise refused(
            "is required; give the full path of the private key's file, or set sftp.password_file",
            "sftp.key",
        )
    if before["key"] is not None and password_file is not None:
        raise refused("is not allowed beside sftp.key; give one of the two")
    if before["key"] is None and before.get("passphrase_file") is not None:
        raise refused("is only of use with sftp.key; remove it", "sftp.passphrase_file")


def reliable_name(pattern: str) -> str:
    """Refuse a pattern of remote names that could clash or be overlooked."""
    try:
        return check_remote_name(pattern)
    except ValueError as wrong:
        raise refused(
            f"{shown(pattern)} {wrong}; give a pattern with {{utc:…}}, {{stream}} and"
            " {digest:.8}, such as the default"
        ) from None


def no_password_in_clear(password_file: Path | None, starttls: object) -> None:
    """Refuse to send a password over a connection that anybody can read."""
    if password_file is not None and starttls is False:
        raise refused("is not allowed with notify.starttls: false, which would show the password")


def seen_if_waited_for(*, watch: bool, waits: bool) -> None:
    """Refuse to wait for what nobody looks at."""
    if waits and not watch:
        raise refused(
            "false is not allowed with sftp.wait_for_pickup: true, which would wait for ever",
            "pickup.watch",
        )


def apart(data: Path, inbox: Path | None) -> None:
    """Refuse a data folder that is the inbox, lies in it, or holds it."""
    if inbox is None:
        return
    ours, theirs = (Path(os.path.normpath(path)) for path in (data, inbox))
    if ours == theirs or ours in theirs.parents or theirs in ours.parents:
        raise refused(
            f"{shown(str(data))} is not allowed; give a folder that neither holds inbox.path nor"
            " lies in it"
        )


def distinct(streams: Sequence[tuple[str, Sequence[str]]]) -> None:
    """Refuse two streams with one name or one pattern; each is a name and its patterns."""
    names = [name for name, _ in streams]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise refused(f"{', '.join(twice)} is there more than once; give each stream its own name")
    owners: dict[str, str] = {}
    for name, patterns in streams:
        for pattern in patterns:
            if owners.setdefault(pattern.casefold(), name) != name:
                raise refused(
                    f"{shown(pattern)} stands in {owners[pattern.casefold()]} and in {name};"
                    " give each pattern to one stream"
                )


def record_fits(record: int, file: int | None) -> None:
    """Refuse a record limit above the file limit, in bytes."""
    if file is not None and record > file:
        raise refused(
            f"{format_size(record)} is not allowed; give at most {format_size(file)}, which is"
            " inbox.max_file_size",
            "validation.max_record_size",
        )
