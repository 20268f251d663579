"""The TCP line under a session: what keeps it open, and how many bytes went over it."""

import socket
import struct

import asyncssh

# Seconds of silence before TCP asks, between its questions, and how many may stay unanswered: what
# stands between us and the server keeps the connection open, and a dead peer shows in a minute.
# SSH's own keepalive would end a slow upload: its question waits behind all that is on the way.
_KEEPALIVE = (("TCP_KEEPIDLE", 15), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 3))
# Where Linux keeps two counts in `struct tcp_info`: bytes that the peer's machine has taken from
# us, and bytes that came from it.
_TCP_INFO = struct.Struct("=120xQQ")


def keep_alive(ssh: asyncssh.SSHClientConnection) -> None:
    """Tune TCP's keepalive, which asyncssh has switched on, where the system lets us."""
    line = ssh.get_extra_info("socket")
    for option, value in _KEEPALIVE:
        if hasattr(socket, option):
            line.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)


def bytes_moved(ssh: asyncssh.SSHClientConnection) -> int:
    """Bytes that went either way; always 0 where the system does not count them."""
    line = ssh.get_extra_info("socket")
    try:
        told = line.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO.size)
        return sum(_TCP_INFO.unpack(told))
    except (AttributeError, OSError, struct.error):
        return 0
