"""What asyncssh raises, translated once: one table per phase, first match wins.

No text that the server sent gets into a hint or a fact; its code does.
"""

import socket
from collections.abc import Mapping
from dataclasses import dataclass

import asyncssh
from asyncssh.packet import PacketDecodeError

from sisdrop.delivery.phases import Phase
from sisdrop.errors import Fact, NeedsOperator, Reason, ServiceError, Transient

# All that asyncssh lets out while it talks to a server; a damaged packet is a ValueError there,
# and so is a host name that cannot be written in DNS.
RAISED = (asyncssh.Error, OSError, PacketDecodeError, UnicodeError)

_NO_SUCH = (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath)
_DENIED = (
    asyncssh.SFTPPermissionDenied,
    asyncssh.SFTPWriteProtect,
    asyncssh.SFTPCannotDelete,
)
_FULL = (asyncssh.SFTPNoSpaceOnFilesystem, asyncssh.SFTPQuotaExceeded)
_LOST = (
    asyncssh.SFTPConnectionLost,
    asyncssh.SFTPNoConnection,
    asyncssh.DisconnectError,
    OSError,
)


@dataclass(frozen=True, slots=True)
class Fault:
    """What an exception means: the kind, the reason, and the hint with names to fill in."""

    kind: type[NeedsOperator | Transient]
    reason: Reason
    hint: str


Table = tuple[tuple[tuple[type[Exception], ...], Fault], ...]

FULL = Fault(
    Transient,
    Reason.REMOTE_FULL,
    "the disk or quota of {username} on {host} is full: ask the server's owner for room",
)
_ODD_ANSWER = Fault(
    Transient,
    Reason.REMOTE_FAILURE,
    "{host} answered with an error in phase {phase}; if it lasts, show the code to its owner",
)
_CUT = Fault(
    Transient,
    Reason.CONNECTION_LOST,
    "the connection to {host} broke in phase {phase}; it is tried again",
)
_NOT_SSH = Fault(
    Transient,
    Reason.CONNECT,
    "what answers at {host}:{port} does not speak SSH as we do: check sftp.host and sftp.port",
)
_HUNG_UP = Fault(
    Transient,
    Reason.CONNECT,
    "{host}:{port} hung up before the login: it may be busy, bar our address, or share no"
    " algorithm with us",
)
_REFUSED_LOGIN = Fault(
    NeedsOperator,
    Reason.AUTH,
    "{host} refused {username}: has the server's owner installed our public key (or is the"
    " password right), and is the account open?",
)
_NO_RIGHT = Fault(
    NeedsOperator,
    Reason.REMOTE_PERMISSION,
    "{username} has no right for phase {phase} in {directory} on {host}: ask its owner for"
    " the right to list, write, rename and remove there",
)
_NO_FOLDER = Fault(
    NeedsOperator,
    Reason.REMOTE_PATH,
    "{directory} is no folder on {host}: mend sftp.directory or have the folder made",
)
_IN_THE_WAY = Fault(
    NeedsOperator,
    Reason.REMOTE_CONFLICT,
    "something that is not ours has our name in {directory} on {host}: look at it, move it away",
)

_ALWAYS: Table = (
    (_FULL, FULL),
    (_LOST, _CUT),
    ((Exception,), _ODD_ANSWER),
)
_CONNECT: Table = (
    (
        (asyncssh.KeyExchangeFailed,),
        Fault(
            Transient,
            Reason.CONNECT,
            "{host} and we share no algorithm: ask its owner which key exchange, host key and"
            " cipher it offers; modern OpenSSH defaults all fit",
        ),
    ),
    ((asyncssh.ProtocolError, asyncssh.ProtocolNotSupported), _NOT_SSH),
    (
        (socket.gaierror, UnicodeError),
        Fault(
            Transient,
            Reason.CONNECT,
            "the name {host} cannot be resolved: check sftp.host, DNS and the network policy",
        ),
    ),
    (
        (ConnectionRefusedError,),
        Fault(
            Transient,
            Reason.CONNECT,
            "nothing listens at {host}:{port}: the server is down, or the port is wrong",
        ),
    ),
    ((ConnectionResetError, BrokenPipeError), _HUNG_UP),
    (
        (OSError,),
        Fault(
            Transient,
            Reason.CONNECT,
            "no way to {host}:{port}: check the network, firewall and network policy",
        ),
    ),
    ((Exception,), _HUNG_UP),
)
_LOGIN: Table = (
    # Some servers end too many tries with a protocol error; going on at once would lock us out.
    (
        (asyncssh.PermissionDenied, asyncssh.IllegalUserName, asyncssh.ProtocolError),
        _REFUSED_LOGIN,
    ),
    (_LOST, _CUT),
    (
        (Exception,),
        Fault(
            Transient,
            Reason.REMOTE_FAILURE,
            "{host} lets {username} in but starts no SFTP session: ask its owner to allow SFTP",
        ),
    ),
)
_FOLDER: Table = (
    ((*_NO_SUCH, asyncssh.SFTPNotADirectory), _NO_FOLDER),
    (_DENIED, _NO_RIGHT),
    *_ALWAYS,
)
_OPEN: Table = (
    (_NO_SUCH, _NO_FOLDER),
    ((asyncssh.SFTPFileIsADirectory,), _IN_THE_WAY),
    (_DENIED, _NO_RIGHT),
    *_ALWAYS,
)
_WRITE: Table = ((_DENIED, _NO_RIGHT), *_ALWAYS)
_RENAME: Table = (
    ((asyncssh.SFTPFileAlreadyExists,), _IN_THE_WAY),
    (
        _NO_SUCH,
        Fault(
            Transient,
            Reason.REMOTE_FAILURE,
            "our temporary file in {directory} on {host} was gone before it got its name: does"
            " a virus scanner or another program clean up there?",
        ),
    ),
    (_DENIED, _NO_RIGHT),
    *_ALWAYS,
)
TABLES: Mapping[Phase, Table] = {
    Phase.CONNECT: _CONNECT,
    Phase.LOGIN: _LOGIN,
    Phase.FOLDER: _FOLDER,
    Phase.LIST: _FOLDER,
    Phase.OPEN: _OPEN,
    Phase.WRITE: _WRITE,
    Phase.RENAME: _RENAME,
    Phase.STAT: _WRITE,
    Phase.REMOVE: _WRITE,
}


def translate(phase: Phase, error: Exception, names: Mapping[str, str]) -> ServiceError:
    """The kind of failure that an exception of asyncssh means in this phase.

    `names` has host, port, username and directory, for the hint.
    """
    fault = next(fault for types, fault in TABLES[phase] if isinstance(error, types))
    return make(fault, phase, names, _code(error))


def make(
    fault: Fault, phase: Phase, names: Mapping[str, str], code: int | None = None
) -> ServiceError:
    """An error of ours, with the phase and the server's code, if any, as facts."""
    facts: dict[str, Fact] = {"phase": phase.value}
    if code is not None:
        facts["code"] = code
    return fault.kind(fault.reason, fault.hint.format(phase=phase, **names), facts)


def timed_out(phase: Phase, names: Mapping[str, str], which: str) -> Transient:
    """The error of a deadline: `which` is connect, idle or total."""
    hint = f"{names['host']} did not answer in time in phase {phase} (sftp.{which}_timeout)"
    return Transient(Reason.TIMEOUT, hint, {"phase": phase.value, "deadline": which})


def _code(error: Exception) -> int | None:
    code = getattr(error, "code", None) or getattr(error, "errno", None)
    return code if isinstance(code, int) else None
