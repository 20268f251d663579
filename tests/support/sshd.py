"""A real OpenSSH sshd on loopback: SFTP only, keys only, chroot, one throwaway user.

Needs root, `sshd`, `ssh-keygen`, `useradd` and `userdel`. It cleans up after itself.
"""

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sisdrop.delivery.session import Target

_CONFIG = """\
ListenAddress {host}
Port {port}
HostKey {host_key}
PidFile none
AuthorizedKeysFile {authorized}
AllowUsers {user}
AuthenticationMethods publickey
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin no
UsePAM no
UseDNS no
PrintMotd no
LogLevel VERBOSE
MaxStartups 100
Subsystem sftp internal-sftp
ChrootDirectory {root}
ForceCommand internal-sftp -d /home {sftp_args}
AllowTcpForwarding no
AllowAgentForwarding no
X11Forwarding no
PermitTTY no
PermitTunnel no
{extra}
"""
# How much slower than a true machine this one is, such as one that is emulated.
SLOWNESS = float(os.environ.get("TEST_SLOWNESS", "1"))
_PATIENCE = 10.0 * SLOWNESS


class Sshd:
    """One server with its user, keys and chroot; made by `running_sshd`."""

    def __init__(self, base: Path, user: str, host: str, sftp_args: str, extra: str) -> None:
        self.base = base
        self.user = user
        self.host = host
        self.port = free_port(host)
        self.root = base / "root"
        self.home = self.root / "home"
        self.upload_dir = self.home / "upload" / "ALMA" / "SIS"
        self.key = base / "id_ed25519"
        self.other_key = base / "id_other"
        self.host_key = base / "host_ed25519"
        self.known_hosts = base / "known_hosts"
        self._authorized = base / "authorized_keys"
        self._sftp_args = sftp_args
        self._extra = extra
        self._process: subprocess.Popen[bytes] | None = None

    def furnish(self) -> None:
        """Make the keys, the chroot and the configuration."""
        for path in (self.key, self.other_key, self.host_key):
            make_key(path)
        self.root.mkdir()
        self.upload_dir.mkdir(parents=True)
        for folder in (self.home, self.home / "upload", self.upload_dir.parent, self.upload_dir):
            self.own(folder)
        self.authorize(self.key)
        self.pin(self.host_key)
        self._configure()

    def own(self, path: Path) -> None:
        """Give a file or folder inside the chroot to the user."""
        entry = pwd.getpwnam(self.user)
        os.chown(path, entry.pw_uid, entry.pw_gid)

    def authorize(self, *keys: Path) -> None:
        """Let exactly these key pairs in."""
        lines = [key.with_name(f"{key.name}.pub").read_text() for key in keys]
        self._authorized.write_text("".join(lines))

    def pin(self, *host_keys: Path) -> None:
        """Write a known_hosts file with exactly these host keys."""
        self.known_hosts.write_text("".join(self.host_line(key) for key in host_keys))

    def host_line(self, host_key: Path, port: int | None = None) -> str:
        """The known_hosts line of a host key, for a port of ours or of a door in front of us."""
        public = host_key.with_name(f"{host_key.name}.pub").read_text().split()
        return f"[{self.host}]:{port or self.port} {public[0]} {public[1]}\n"

    def rotate_host_key(self) -> Path:
        """Restart with a new host key, which nobody has pinned yet; returns its path."""
        new = self.base / f"host_{secrets.token_hex(4)}"
        make_key(new)
        self.use_host_key(new)
        return new

    def use_host_key(self, host_key: Path) -> None:
        """Restart with this host key."""
        self.stop()
        self.host_key = host_key
        self._configure()
        self.start()

    def _configure(self) -> None:
        text = _CONFIG.format(
            host=self.host,
            port=self.port,
            host_key=self.host_key,
            authorized=self._authorized,
            user=self.user,
            root=self.root,
            sftp_args=self._sftp_args,
            extra=self._extra,
        )
        (self.base / "sshd_config").write_text(text)

    def start(self) -> None:
        """Start listening; returns when connections are taken."""
        Path("/run/sshd").mkdir(exist_ok=True)
        sshd = shutil.which("sshd") or "/usr/sbin/sshd"
        with (self.base / "sshd.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sshd, "-D", "-e", "-f", str(self.base / "sshd_config")], stderr=log
            )
        wait_until(self._listens, "sshd listens")

    def _listens(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            raise RuntimeError(self.log())
        with suppress(OSError), socket.create_connection((self.host, self.port), timeout=1):
            return True
        return False

    def stop(self) -> None:
        """Stop the listener and every session, by their own process ids."""
        if self._process is None:
            return
        self.resume()
        sessions = self.sessions()
        self._process.kill()
        self._process.wait()
        _signal(sessions, signal.SIGKILL)
        self._process = None

    def restore(self) -> None:
        """Make it listen and answer, whatever an earlier test did to it."""
        self.resume()
        if self._process is None:
            self.start()

    def drop_sessions(self) -> None:
        """Kill every open session; the server goes on listening."""
        _signal(self.sessions(), signal.SIGKILL)

    def pause(self) -> None:
        """Freeze the listener and every session: sockets stay open, nothing answers."""
        _signal(self._family(), signal.SIGSTOP)

    def resume(self) -> None:
        """Thaw what `pause` froze."""
        _signal(self._family(), signal.SIGCONT)

    def log(self) -> str:
        """What the server logged so far."""
        return (self.base / "sshd.log").read_text()

    def target(self) -> Target:
        """How to reach this server, with timeouts that no test should meet by accident."""
        return Target(
            host=self.host,
            port=self.port,
            username=self.user,
            key=self.key,
            passphrase_file=None,
            password_file=None,
            known_hosts=self.known_hosts,
            connect_timeout=20.0,
            idle_timeout=20.0,
            total_timeout=60.0,
        )

    def _family(self) -> list[int]:
        if self._process is None:
            return []
        return [self._process.pid, *self.sessions()]

    def sessions(self) -> list[int]:
        """Every process below the listener; the sessions live in their own process groups."""
        if self._process is None:
            return []
        found: list[int] = []
        parents = [self._process.pid]
        while parents:
            born = children(parents.pop())
            found += born
            parents += born
        return found


@contextmanager
def running_sshd(
    *, sftp_args: str = "", extra: str = "", host: str = "127.0.0.1"
) -> Iterator[Sshd]:
    """A running server; its user and folder are gone when the block is left.

    `sftp_args` go to internal-sftp, `extra` lines into sshd_config; it listens on `host`.
    """
    # Below /run, because sshd wants every parent of a chroot to be root's alone.
    base = Path(tempfile.mkdtemp(prefix="sisdrop-sshd-", dir="/run"))
    base.chmod(0o755)
    user = f"sftp{secrets.token_hex(4)}"
    server = Sshd(base, user, host, sftp_args, extra)
    try:
        _add_user(user)
        server.furnish()
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(base)
        _user_tool("userdel", user)


def make_key(path: Path) -> None:
    """An ed25519 key pair without a passphrase."""
    keygen = shutil.which("ssh-keygen") or "/usr/bin/ssh-keygen"
    subprocess.run(
        [keygen, "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", str(path)], check=True
    )


def free_port(host: str = "127.0.0.1") -> int:
    """A port of one of our addresses on which nothing listens."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Wait for another process; fails when it takes too long."""
    limit = time.monotonic() + _PATIENCE
    while not condition():
        if time.monotonic() > limit:
            raise TimeoutError(what)
        time.sleep(0.01)


def _add_user(user: str) -> None:
    # '*' is no password that fits, and no lock: sshd refuses locked accounts even with a key.
    _user_tool(
        "useradd", "--no-create-home", "--home-dir", "/home", "--password", "*",
        "--shell", "/usr/sbin/nologin", user,
    )  # fmt: skip


def _user_tool(tool: str, *arguments: str) -> None:
    """Run a tool that takes the system's one lock on the user list, which others may hold."""
    path = shutil.which(tool) or f"/usr/sbin/{tool}"

    def done() -> bool:
        result = subprocess.run([path, *arguments], capture_output=True, check=False)
        return result.returncode == 0

    wait_until(done, f"{tool} works")


def children(pid: int) -> list[int]:
    """The processes that a process started and that still run."""
    try:
        return [
            int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        ]
    except OSError:
        return []


def _signal(processes: list[int], number: signal.Signals) -> None:
    for pid in processes:
        with suppress(ProcessLookupError):
            os.kill(pid, number)
