"""Shares that are mounted over a network: what a client sees of what happens on the server.

A share has two sides. `mount` is where the service has it; `served` is the folder behind it, in
which the test does what another client does, and of which the mount gets no event.
"""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from smbprotocol.connection import Connection
from smbprotocol.open import (
    CreateDisposition,
    CreateOptions,
    FileAttributes,
    FilePipePrinterAccessMask,
    ImpersonationLevel,
    Open,
)
from smbprotocol.session import Session
from smbprotocol.tree import TreeConnect
from typing_extensions import override

from support.sshd import Sshd, children, free_port, running_sshd, wait_until

_HOST = "127.0.0.1"
_SMB_CONF = """\
[global]
interfaces = lo
bind interfaces only = yes
smb ports = {port}
server role = standalone server
map to guest = Bad User
guest account = nobody
disable netbios = yes
load printers = no
lock directory = {base}/lock
state directory = {base}/state
cache directory = {base}/cache
private dir = {base}/private
pid directory = {base}
ncalrpc dir = {base}/ncalrpc
log file = {base}/log.smbd
[share]
path = {served}
guest ok = yes
read only = no
force user = root
"""

_GANESHA_CONF = """\
NFS_CORE_PARAM {{
  NFS_Port = {port}; MNT_Port = {other_port}; Bind_addr = {host}; Protocols = 4;
  Enable_NLM = false; Enable_RQUOTA = false;
}}
NFSV4 {{ Graceless = true; Minor_Versions = 1; RecoveryBackend = fs; RecoveryRoot = {base}; }}
EXPORT {{
  Export_Id = 1; Path = {served}; Pseudo = /share; Access_Type = RW; Squash = No_Root_Squash;
  SecType = sys; Protocols = 4; Transports = TCP; Attr_Expiration_Time = 0; FSAL {{ Name = VFS; }}
}}
# Else it would not see for a minute what the tests do in the folder that it serves.
MDCACHE {{ Dir_Chunk = 0; }}
"""


class Server(Protocol):
    """Who serves a share."""

    def start(self) -> None:
        """Serve, from now on."""
        ...

    def stop(self) -> None:
        """Be gone at once, with every connection."""
        ...

    def pause(self) -> None:
        """Keep every connection open and answer nothing."""
        ...

    def resume(self) -> None:
        """Answer again."""
        ...


@dataclass(frozen=True, slots=True)
class NetworkShare:
    """A mounted share: its two sides, and its server."""

    mount: Path
    served: Path
    server: Server


class _Daemon(ABC):
    """A file server on loopback that serves one folder below `base` to everybody."""

    def __init__(self, base: Path) -> None:
        self.host = _HOST
        self.port = free_port()
        self.served = base / "served"
        self.base = base
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def furnish(self) -> None:
        """Make its folders and its configuration."""

    @abstractmethod
    def command(self) -> list[str]:
        """What starts it in the foreground."""

    def start(self) -> None:
        """Start listening; returns when connections are taken."""
        with (self.base / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        try:
            wait_until(self._listens, "the file server listens")
        except TimeoutError as error:
            raise TimeoutError(self.log()) from error

    def log(self) -> str:
        """What it said so far."""
        return "".join(path.read_text() for path in self.base.glob("*.log"))

    def _listens(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            raise RuntimeError(self.log())
        with suppress(OSError), socket.create_connection((self.host, self.port), timeout=1):
            return True
        return False

    def stop(self) -> None:
        """Kill it with every connection."""
        if self._process is not None:
            self._signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def pause(self) -> None:
        """Freeze it."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Thaw it."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        # The parent first, so that it makes no new ones.
        for pid in (self._process.pid, *children(self._process.pid)):
            with suppress(ProcessLookupError):
                os.kill(pid, number)


class Smbd(_Daemon):
    """Samba, as `//127.0.0.1/share`; made by `running`."""

    @override
    def furnish(self) -> None:
        for name in ("lock", "state", "cache", "private", "served"):
            (self.base / name).mkdir()
        text = _SMB_CONF.format(base=self.base, port=self.port, served=self.served)
        (self.base / "smb.conf").write_text(text)

    @override
    def command(self) -> list[str]:
        smbd = shutil.which("smbd") or "/usr/sbin/smbd"
        return [smbd, "--foreground", "--no-process-group", "-s", str(self.base / "smb.conf")]

    @contextmanager
    def held_open(self, name: str, sharing: int) -> Iterator[None]:
        """Another client has a file open, and lets others do with it only what `sharing` names."""
        connection = Connection(uuid.uuid4(), self.host, self.port, require_signing=False)
        connection.connect()
        try:
            session = Session(connection, "guest", "x", require_encryption=False)
            session.connect()
            tree = TreeConnect(session, rf"\\{self.host}\share")
            tree.connect(require_secure_negotiate=False)
            file = Open(tree, name)
            file.create(
                ImpersonationLevel.Impersonation,
                FilePipePrinterAccessMask.GENERIC_READ | FilePipePrinterAccessMask.GENERIC_WRITE,
                FileAttributes.FILE_ATTRIBUTE_NORMAL,
                sharing,
                CreateDisposition.FILE_OPEN,
                CreateOptions.FILE_NON_DIRECTORY_FILE,
            )
            yield
        finally:
            connection.disconnect()


class Ganesha(_Daemon):
    """An NFS server, as `127.0.0.1:/share`; made by `running`."""

    @override
    def furnish(self) -> None:
        self.served.mkdir()
        Path("/run/ganesha").mkdir(exist_ok=True)
        text = _GANESHA_CONF.format(
            base=self.base,
            host=self.host,
            port=self.port,
            other_port=free_port(),
            served=self.served,
        )
        (self.base / "ganesha.conf").write_text(text)

    @override
    def command(self) -> list[str]:
        ganesha = shutil.which("ganesha.nfsd") or "/usr/bin/ganesha.nfsd"
        files = {"-f": "ganesha.conf", "-L": "ganesha.log", "-p": "ganesha.pid"}
        options = [part for key, name in files.items() for part in (key, str(self.base / name))]
        return [ganesha, "-F", *options]


_Made = TypeVar("_Made", bound=_Daemon)


@contextmanager
def running(kind: type[_Made]) -> Iterator[_Made]:
    """A running file server, gone with its folders when the block is left; needs root."""
    with tempfile.TemporaryDirectory(prefix="sisdrop-share-", dir="/run") as base:
        server = kind(Path(base))
        server.furnish()
        try:
            server.start()
            yield server
        finally:
            server.stop()


@contextmanager
def over_sshfs(mount: Path) -> Iterator[NetworkShare]:
    """A share of OpenSSH's, mounted by sshfs."""
    with running_sshd() as server:
        served = server.home / "share"
        served.mkdir()
        server.own(served)
        with _mounted(_sshfs(server, mount), mount):
            yield NetworkShare(mount, served, server)


def _sshfs(server: Sshd, mount: Path) -> list[str]:
    options = {
        "IdentityFile": str(server.key),
        "UserKnownHostsFile": str(server.known_hosts),
        "ServerAliveInterval": "1",
        "ServerAliveCountMax": "2",
        "ConnectTimeout": "2",
        "dcache_timeout": "1",
    }
    return [
        *("sshfs", "-f", "-F", "/dev/null", "-p", str(server.port)),
        *("-o", "reconnect,IdentitiesOnly=yes,BatchMode=yes,StrictHostKeyChecking=yes"),
        *("-o", ",".join(f"{name}={value}" for name, value in options.items())),
        f"{server.user}@{server.host}:/home/share",
        str(mount),
    ]


@contextmanager
def over_smb(mount: Path) -> Iterator[NetworkShare]:
    """A share of Samba's, mounted by rclone."""
    with running(Smbd) as server, _mounted(_rclone(server, mount), mount):
        yield NetworkShare(mount, server.served, server)


def _rclone(server: Smbd, mount: Path) -> list[str]:
    remote = f":smb,host={server.host},port={server.port},user=guest,pass={_obscured('x')}:share"
    return [
        *("rclone", "mount", remote, str(mount), "--config", "/dev/null"),
        *("--dir-cache-time", "200ms", "--attr-timeout", "200ms", "--timeout", "2s"),
        *("--contimeout", "2s", "--low-level-retries", "1"),
    ]


def _obscured(password: str) -> str:
    """A password as rclone takes it on its command line."""
    done = subprocess.run(
        [shutil.which("rclone") or "rclone", "obscure", password],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@contextmanager
def _mounted(command: list[str], mount: Path) -> Iterator[None]:
    """Run a program in the foreground that mounts something, until the block is left."""
    mount.mkdir()
    command[0] = shutil.which(command[0]) or command[0]
    with mount.with_name(f"{mount.name}.log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        wait_until(lambda: _is_mounted(mount), f"{command[0]} has mounted")
        yield
    finally:
        unmount = shutil.which("fusermount3") or "fusermount3"
        subprocess.run([unmount, "-u", "-z", str(mount)], capture_output=True, check=False)
        process.kill()
        process.wait()


@contextmanager
def over_cifs(mount: Path) -> Iterator[NetworkShare]:
    """A share of Samba's, mounted by the kernel as the chart's example for SMB says."""
    with running(Smbd) as server:
        options = (
            f"ip={server.host},port={server.port},username=guest,password=x,vers=3.1.1,"
            "uid=0,gid=0,dir_mode=0770,file_mode=0660,actimeo=1,serverino,nobrl,echo_interval=1"
        )
        with _kernel_mount("cifs", f"//{server.host}/share", mount, options):
            yield NetworkShare(mount, server.served, server)


@contextmanager
def over_nfs(mount: Path) -> Iterator[NetworkShare]:
    """A share of nfs-ganesha's, mounted by the kernel as the chart's example for NFS says."""
    with running(Ganesha) as server:
        options = (
            f"addr={server.host},clientaddr={server.host},port={server.port},"
            "vers=4.1,actimeo=1,soft,timeo=20,retrans=1"
        )
        with _kernel_mount("nfs4", f"{server.host}:/share", mount, options):
            yield NetworkShare(mount, server.served, server)


@contextmanager
def _kernel_mount(kind: str, source: str, mount: Path, options: str) -> Iterator[None]:
    mount.mkdir()
    mount_tool, umount_tool = (shutil.which(name) or f"/bin/{name}" for name in ("mount", "umount"))
    # The kernel is asked directly (-i), because what helps it is not always installed.
    subprocess.run([mount_tool, "-i", "-t", kind, "-o", options, source, str(mount)], check=True)
    try:
        yield
    finally:
        subprocess.run([umount_tool, "-l", "-f", str(mount)], check=False)


FUSE_MOUNTS = {"sshfs": over_sshfs, "smb": over_smb}
KERNEL_MOUNTS = {"nfs": over_nfs, "smb": over_cifs}


def _is_mounted(mount: Path) -> bool:
    """Asks the kernel and not the mount, which may hang."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return any(line.split()[4] == str(mount) for line in lines)
