import errno
import os
from pathlib import Path

import pytest

from sisdrop.errors import NeedsOperator, Reason, ServiceError, Transient
from sisdrop.inbox.faults import in_folder, on_share, translate

PATH = Path("/share/inbox/students.xml")

DENIED = (errno.EACCES, errno.EPERM, errno.EROFS)
FULL = (errno.ENOSPC, errno.EDQUOT)
GONE = (
    errno.ENOENT,
    errno.ESTALE,
    errno.EIO,
    errno.EHOSTDOWN,
    errno.ETIMEDOUT,
    errno.ENOTCONN,
    errno.ELOOP,
    errno.EBUSY,
    0,
)


@pytest.mark.parametrize("number", DENIED)
def test_missing_rights_are_the_operators_and_name_user_and_folder(number: int) -> None:
    found = translate(OSError(number, "text"), PATH)
    assert isinstance(found, NeedsOperator)
    assert found.reason is Reason.SHARE_PERMISSION
    assert f"user {os.getuid()}" in found.hint
    assert "in /share/inbox;" in found.hint


@pytest.mark.parametrize("number", FULL)
def test_a_full_share_may_pass(number: int) -> None:
    found = translate(OSError(number, "text"), PATH)
    assert isinstance(found, Transient)
    assert found.reason is Reason.SHARE_GONE
    assert "the share of /share/inbox is full" in found.hint


@pytest.mark.parametrize("number", GONE)
def test_whatever_else_happens_the_share_may_come_back(number: int) -> None:
    found = translate(OSError(number, "text"), PATH)
    assert isinstance(found, Transient)
    assert found.reason is Reason.SHARE_GONE
    assert found.facts == {"errno": errno.errorcode.get(number, "0")}


def test_an_error_without_a_number_is_translated_too() -> None:
    assert isinstance(translate(OSError("odd"), PATH), Transient)


def test_a_name_from_the_share_is_never_in_the_text() -> None:
    for number in (*DENIED, *FULL, *GONE):
        found = translate(OSError(number, "text", "mouse.xml"), PATH.with_name("mouse.xml"))
        assert "mouse" not in str(found)
        assert "mouse" not in str(found.facts)


def test_an_error_within_the_block_keeps_its_cause() -> None:
    cause = OSError(errno.ESTALE, "stale")
    with pytest.raises(Transient) as caught, on_share(PATH):
        raise cause
    assert caught.value.__cause__ is cause


def test_the_hint_about_a_folder_names_the_folder_itself() -> None:
    with pytest.raises(Transient, match="the share of /share/inbox does"), in_folder(PATH.parent):
        raise OSError(errno.EIO, "text")


def test_what_is_already_translated_passes_untouched() -> None:
    error: ServiceError = Transient(Reason.DATA_FULL, "free space")
    with pytest.raises(Transient) as caught, on_share(PATH):
        raise error
    assert caught.value is error


def test_what_is_no_matter_of_the_system_passes_untouched() -> None:
    with pytest.raises(ValueError, match="ours"), on_share(PATH):
        raise ValueError("ours")
