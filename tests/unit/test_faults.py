import socket

import asyncssh
import pytest
from asyncssh.packet import PacketDecodeError

from sisdrop.delivery.faults import RAISED, TABLES, timed_out, translate
from sisdrop.delivery.phases import Phase
from sisdrop.errors import NeedsOperator, Reason, ServiceError, Transient

NAMES = {"host": "h.example.edu", "port": "22", "username": "sis", "directory": "/up"}
SERVER_TEXT = "Casey Nobody 20011"


@pytest.mark.parametrize(
    ("phase", "error", "kind", "reason"),
    [
        (Phase.CONNECT, ConnectionRefusedError(111, SERVER_TEXT), Transient, Reason.CONNECT),
        (Phase.CONNECT, socket.gaierror(-2, SERVER_TEXT), Transient, Reason.CONNECT),
        (Phase.CONNECT, UnicodeError(SERVER_TEXT), Transient, Reason.CONNECT),
        (Phase.CONNECT, TimeoutError(110, SERVER_TEXT), Transient, Reason.CONNECT),
        (Phase.CONNECT, ConnectionResetError(104, SERVER_TEXT), Transient, Reason.CONNECT),
        (Phase.CONNECT, asyncssh.ConnectionLost(SERVER_TEXT), Transient, Reason.CONNECT),
        (Phase.CONNECT, asyncssh.KeyExchangeFailed(SERVER_TEXT), Transient, Reason.CONNECT),
        (Phase.CONNECT, asyncssh.ProtocolError(SERVER_TEXT), Transient, Reason.CONNECT),
        (Phase.LOGIN, asyncssh.PermissionDenied(SERVER_TEXT), NeedsOperator, Reason.AUTH),
        (Phase.LOGIN, asyncssh.ProtocolError(SERVER_TEXT), NeedsOperator, Reason.AUTH),
        (Phase.LOGIN, asyncssh.ConnectionLost(SERVER_TEXT), Transient, Reason.CONNECTION_LOST),
        (Phase.LOGIN, asyncssh.SFTPConnectionLost(SERVER_TEXT), Transient, Reason.CONNECTION_LOST),
        (Phase.LOGIN, asyncssh.ChannelOpenError(1, SERVER_TEXT), Transient, Reason.REMOTE_FAILURE),
        (Phase.FOLDER, asyncssh.SFTPNoSuchFile(SERVER_TEXT), NeedsOperator, Reason.REMOTE_PATH),
        (Phase.FOLDER, asyncssh.SFTPPermissionDenied(""), NeedsOperator, Reason.REMOTE_PERMISSION),
        (Phase.OPEN, asyncssh.SFTPNoSuchFile(SERVER_TEXT), NeedsOperator, Reason.REMOTE_PATH),
        (Phase.OPEN, asyncssh.SFTPFileIsADirectory(""), NeedsOperator, Reason.REMOTE_CONFLICT),
        (Phase.OPEN, asyncssh.SFTPPermissionDenied(""), NeedsOperator, Reason.REMOTE_PERMISSION),
        (Phase.WRITE, asyncssh.SFTPFailure(SERVER_TEXT), Transient, Reason.REMOTE_FAILURE),
        (Phase.WRITE, asyncssh.SFTPQuotaExceeded(SERVER_TEXT), Transient, Reason.REMOTE_FULL),
        (Phase.WRITE, asyncssh.SFTPNoSpaceOnFilesystem(""), Transient, Reason.REMOTE_FULL),
        (Phase.WRITE, PacketDecodeError(SERVER_TEXT), Transient, Reason.REMOTE_FAILURE),
        (Phase.RENAME, asyncssh.SFTPNoSuchFile(SERVER_TEXT), Transient, Reason.REMOTE_FAILURE),
        (Phase.RENAME, asyncssh.SFTPFileAlreadyExists(""), NeedsOperator, Reason.REMOTE_CONFLICT),
        (Phase.RENAME, asyncssh.SFTPPermissionDenied(""), NeedsOperator, Reason.REMOTE_PERMISSION),
        (Phase.STAT, asyncssh.SFTPNoConnection(SERVER_TEXT), Transient, Reason.CONNECTION_LOST),
    ],
)
def test_the_same_error_means_what_its_phase_makes_of_it(
    phase: Phase, error: Exception, kind: type[ServiceError], reason: Reason
) -> None:
    translated = translate(phase, error, NAMES)
    assert type(translated) is kind
    assert translated.reason is reason
    assert translated.facts["phase"] == phase


@pytest.mark.parametrize("phase", list(TABLES))
def test_no_text_of_the_server_gets_into_an_error(phase: Phase) -> None:
    """Whatever is raised in whatever phase, it becomes one of the kinds, with a code at most."""
    for error in (
        asyncssh.SFTPFailure(SERVER_TEXT),
        asyncssh.DisconnectError(2, SERVER_TEXT),
        OSError(SERVER_TEXT),
    ):
        translated = translate(phase, error, NAMES)
        assert SERVER_TEXT not in str(translated)
        assert set(translated.facts) <= {"phase", "code"}


def test_the_servers_code_travels_with_the_error() -> None:
    assert translate(Phase.WRITE, asyncssh.SFTPFailure(SERVER_TEXT), NAMES).facts["code"] == 4
    assert "code" not in translate(Phase.WRITE, PacketDecodeError(SERVER_TEXT), NAMES).facts


def test_all_phases_that_talk_to_the_server_have_a_table_that_knows_every_error() -> None:
    silent = {Phase.KEY, Phase.PINS, Phase.READ}
    assert set(TABLES) == set(Phase) - silent
    for table in TABLES.values():
        assert table[-1][0] == (Exception,)
    assert all(issubclass(kind, Exception) for kind in RAISED)


def test_a_timeout_names_the_setting_that_ended_it() -> None:
    error = timed_out(Phase.WRITE, NAMES, "idle")
    assert error.reason is Reason.TIMEOUT
    assert "sftp.idle_timeout" in error.hint
    assert error.facts == {"phase": "write", "deadline": "idle"}
