"""Images really built and containers really run, without a registry and without systemd.

All that podman keeps lies in one folder.
"""

import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from support.base_image import BASE, SUITE, base_archive

ROOT = Path(__file__).parents[2]
# Raising the hard limits needs a right that containers often lack; asking for low ones does not.
_CONTAINERS_CONF = """\
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
network_backend = "netavark"
"""
_STORAGE_CONF = """\
[storage]
driver = "{driver}"
runroot = "{base}/run"
graphroot = "{base}/storage"
"""


class Podman:
    """Podman with everything it keeps below `base`."""

    def __init__(self, base: Path) -> None:
        self._base = base
        driver = "overlay" if _takes_overlays(base) else "vfs"
        (base / "storage.conf").write_text(_STORAGE_CONF.format(base=base, driver=driver))
        (base / "containers.conf").write_text(_CONTAINERS_CONF)

    def __call__(self, *arguments: str | Path, timeout: float = 600.0) -> str:
        """Run a command of podman; gives its output.

        Raises:
            RuntimeError: with what it said, when it fails.
        """
        done = self._run(*map(str, arguments), timeout=timeout)
        if done.returncode:
            raise RuntimeError(f"podman {arguments[0]}: {done.stdout}{done.stderr}")
        return done.stdout.strip()

    def compose(self, file: Path, *arguments: str) -> str:
        """Run a command of podman-compose on a compose file; gives all its output.

        Raises:
            RuntimeError: with what it said, when it fails.
        """
        done = subprocess.run(
            [Path(sys.executable).with_name("podman-compose"), "--file", file, *arguments],
            env={**os.environ, **self._environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        if done.returncode:
            raise RuntimeError(f"podman-compose {arguments[0]}: {done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def logs(self, name: str) -> str:
        """What a container wrote to either stream."""
        done = self._run("logs", name)
        return done.stdout + done.stderr

    def _run(self, *arguments: str, timeout: float = 60.0) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [shutil.which("podman") or "/usr/bin/podman", *arguments],
            env={**os.environ, **self._environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout,
        )

    @cached_property
    def _environment(self) -> Mapping[str, str]:
        return {
            "CONTAINERS_STORAGE_CONF": str(self._base / "storage.conf"),
            "CONTAINERS_CONF": str(self._base / "containers.conf"),
        }

    def inspect(self, name: str) -> dict[str, Any]:
        """What podman knows of a container or image."""
        (known,) = json.loads(self("inspect", name))
        return dict(known)

    def address(self, name: str) -> str:
        """Where a container is reached on its one network."""
        (network,) = self.inspect(name)["NetworkSettings"]["Networks"].values()
        return str(network["IPAddress"])

    def build(self, tag: str, context: Path = ROOT, **arguments: str) -> None:
        """Build the Dockerfile of a folder; `arguments` are its build arguments."""
        self._import_base()
        options = [f"--build-arg={name}={value}" for name, value in arguments.items()]
        # Where the machine trusts a certificate authority of its own, pip must trust it, too. It
        # is only lent: nothing of it is in the image.
        bundle = os.environ.get("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt")
        if Path(bundle).exists():
            options.append(f"--volume={bundle}:/etc/ssl/certs/ca-certificates.crt:ro")
        self("build", "--format=docker", "--pull=never", f"--tag={tag}", *options, context)

    def _import_base(self) -> None:
        changes = (
            "ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin",
            "ENV LANG=C.UTF-8",
        )
        options = [f"--change={change}" for change in changes]
        self("import", "--quiet", *options, base_archive(), f"localhost/{BASE}")
        # Debian itself is the least that this base holds.
        self("tag", f"localhost/{BASE}", f"localhost/debian:{SUITE}-slim")

    @staticmethod
    def unique() -> str:
        """A name that nobody else has."""
        return f"sisdrop-{secrets.token_hex(4)}"

    @contextmanager
    def network(self) -> Iterator[tuple[str, str]]:
        """A network of its own: its name, and the address at which it sees this machine."""
        name = self.unique()
        self("network", "create", name)
        try:
            (known,) = json.loads(self("network", "inspect", name))
            # The address is there as long as somebody is on the network.
            holder = f"--network={name}", f"localhost/{BASE}", "sleep", "infinity"
            with self.container(*holder):
                yield name, known["subnets"][0]["gateway"]
        finally:
            self("network", "rm", "--force", name)

    @contextmanager
    def container(self, *what: str) -> Iterator[str]:
        """A container that runs: options, image and command; its name. It is gone afterwards."""
        name = self.unique()
        self("run", "--detach", f"--name={name}", "--no-healthcheck", *what)
        try:
            yield name
        finally:
            self("rm", "--force", "--time=0", name)


@contextmanager
def running_podman() -> Iterator[Podman]:
    """Podman in a temporary folder that is gone when the block is left."""
    with tempfile.TemporaryDirectory(prefix="sisdrop-podman-", ignore_cleanup_errors=True) as base:
        podman = Podman(Path(base))
        try:
            yield podman
        finally:
            podman("rmi", "--all", "--force")


def _takes_overlays(folder: Path) -> bool:
    """Whether layers can lie here; in a container's own file system they often cannot.

    The plain copies that podman makes otherwise are slow and large, and work anywhere.
    """
    with tempfile.TemporaryDirectory(dir=folder) as name:
        lower, upper, work, merged = (Path(name) / part for part in ("lower", "upper", "work", "m"))
        for part in (lower, upper, work, merged):
            part.mkdir()
        options = f"lowerdir={lower},upperdir={upper},workdir={work}"
        mount = ("mount", "-t", "overlay", "-o", options, "overlay", str(merged))
        if subprocess.run(mount, capture_output=True, check=False).returncode:
            return False
        umount = ("umount", str(merged))
        subprocess.run(umount, check=True)
        return True
