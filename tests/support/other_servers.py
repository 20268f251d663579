"""SFTP servers of other makers than OpenSSH, on loopback: keys only, one throwaway account each.

Each yields where to deliver, and the folder of the disk where that is.
"""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sisdrop.delivery.session import Target
from support.sshd import free_port, make_key, wait_until
from support.targets import HOST, target_on

USER = "testftp"
FOLDER = "upload/ALMA/SIS"
# The numbers of `daemon` on Debian: ProFTPD gives up root for them.
_DAEMON = 1
_PROFTPD = """\
ModulePath {modules}
LoadModule mod_sftp.c
ServerName test
ServerType standalone
UseIPv6 off
DefaultAddress {host}
SocketBindTight on
Port {port}
PidFile {base}/proftpd.pid
ScoreboardFile {base}/scoreboard
DelayTable none
SystemLog {base}/system.log
WtmpLog off
UseReverseDNS off
RequireValidShell off
User daemon
Group daemon
AuthOrder mod_auth_file.c
AuthUserFile {base}/passwd
DefaultRoot ~
AllowOverwrite on
AllowStoreRestart on
SFTPEngine on
SFTPLog {base}/sftp.log
SFTPHostKey {base}/host_ed25519
SFTPAuthorizedUserKeys file:{base}/authorized/%u
SFTPAuthMethods publickey
"""


@dataclass(frozen=True, slots=True)
class Place:
    """Where to deliver, and where on the disk that is."""

    target: Target
    upload_dir: Path


@contextmanager
def running_proftpd() -> Iterator[Place]:
    """ProFTPD's mod_sftp; needs root, and a folder whose parents all may pass."""
    base = Path(tempfile.mkdtemp(prefix="sisdrop-proftpd-", dir="/run"))
    try:
        with _running_proftpd(base) as place:
            yield place
    finally:
        shutil.rmtree(base)


@contextmanager
def _running_proftpd(base: Path) -> Iterator[Place]:
    place = _furnish(base)
    port, home = place.target.port, base / "home"
    for folder in (home, *home.rglob("*")):
        shutil.chown(folder, _DAEMON, _DAEMON)
    base.chmod(0o755)
    (base / "authorized").mkdir()
    public = subprocess.run(
        ["/usr/bin/ssh-keygen", "-e", "-m", "RFC4716", "-f", f"{place.target.key}.pub"],
        check=True,
        capture_output=True,
    )
    (base / "authorized" / USER).write_bytes(public.stdout)
    passwd = base / "passwd"
    passwd.write_text(f"{USER}:*:{_DAEMON}:{_DAEMON}::{home}:/bin/false\n")
    passwd.chmod(0o600)
    config = base / "proftpd.conf"
    config.write_text(_PROFTPD.format(modules=_modules(), host=HOST, port=port, base=base))
    with _running(place, "proftpd", "--nodaemon", "--config", str(config)):
        yield place


@contextmanager
def running_rclone(base: Path) -> Iterator[Place]:
    """`rclone serve sftp`: Go's implementation, without posix-rename and fsync."""
    place = _furnish(base)
    command = (
        *("rclone", "serve", "sftp", "--addr", f"{HOST}:{place.target.port}"),
        *("--key", str(base / "host_ed25519"), "--authorized-keys", f"{place.target.key}.pub"),
        *("--vfs-cache-mode", "writes", "--vfs-write-back", "0s", "--dir-cache-time", "0s"),
        *("--cache-dir", str(base / "cache"), "--config", str(base / "rclone.conf")),
        str(base / "home"),
    )
    with _running(place, *command):
        yield place


def _furnish(base: Path) -> Place:
    """Keys, pins and folders of a server on a free port."""
    base.mkdir(parents=True, exist_ok=True)
    for name in ("id_ed25519", "host_ed25519"):
        make_key(base / name)
    port = free_port(HOST)
    kind, key, *_ = (base / "host_ed25519.pub").read_text().split()
    (base / "known_hosts").write_text(f"[{HOST}]:{port} {kind} {key}\n")
    upload_dir = base / "home" / FOLDER
    upload_dir.mkdir(parents=True)
    return Place(target_on(port, USER, base / "id_ed25519", base / "known_hosts"), upload_dir)


@contextmanager
def _running(place: Place, *command: str) -> Iterator[None]:
    base = place.target.known_hosts.parent
    with (base / "server.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        wait_until(lambda: _listens(place, process), f"{command[0]} listens")
        yield
    finally:
        process.terminate()
        process.wait(timeout=10)


def _listens(place: Place, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None, place.target.known_hosts.with_name("server.log").read_text()
    found = subprocess.run(
        ["/usr/bin/ssh-keyscan", "-T", "1", "-p", str(place.target.port), HOST],
        check=False,
        capture_output=True,
    )
    return b"ssh-ed25519" in found.stdout


def _modules() -> Path:
    """Where the package put the module that speaks SFTP."""
    listed = subprocess.run(
        ["/usr/bin/dpkg", "-L", "proftpd-mod-crypto"], check=True, capture_output=True, text=True
    )
    (module,) = (line for line in listed.stdout.split() if line.endswith("/mod_sftp.so"))
    return Path(module).parent
