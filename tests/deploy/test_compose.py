"""The compose file: what can be run of it without a registry is run, the rest is checked."""

import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.podman import ROOT, Podman
from support.release import IMAGE
from support.xml import patrons, user, users

_FOLDER = ROOT / "deploy" / "compose"
_SFTP = "localhost/sisdrop-sftp:test"
# What is made here; the others come from a registry.
_OURS = {"setup": _SFTP, "sftp": _SFTP, "sisdrop": IMAGE}
_PATIENCE = 60.0


def _compose() -> dict[str, Any]:
    return dict(yaml.safe_load((_FOLDER / "compose.yaml").read_text()))


def _wait_for(condition: Callable[[], bool], podman: Podman, started: "Started") -> None:
    limit = time.monotonic() + _PATIENCE
    while not condition():
        if time.monotonic() > limit:
            pytest.fail(started("logs"))
        time.sleep(0.2)


class Started:
    """The services of ours, started from the compose file in a folder of the test's own."""

    def __init__(self, podman: Podman, folder: Path) -> None:
        self.var = folder / "var"
        self._podman = podman
        self._file = folder / "compose.yaml"
        self.var.mkdir()
        (folder / "sisdrop.yaml").write_bytes((_FOLDER / "sisdrop.yaml").read_bytes())
        self._file.write_text(yaml.safe_dump(self._ours()))

    def _ours(self) -> dict[str, Any]:
        """The compose file with images that are built already, and any free ports."""
        shape = _compose()
        services = {name: shape["services"][name] for name in _OURS}
        for name, image in _OURS.items():
            del services[name]["build"]
            services[name]["image"] = image
        services["sisdrop"]["ports"] = ["127.0.0.1::8080"]
        return {**shape, "name": self._podman.unique(), "services": services}

    def __call__(self, *arguments: str) -> str:
        """Run a command of podman-compose on them."""
        return self._podman.compose(self._file, *arguments)

    def files(self, folder: str, pattern: str) -> list[Path]:
        """What lies in one of the folders beside the compose file."""
        return sorted((self.var / folder).glob(pattern))


@pytest.fixture
def started(podman: Podman, tmp_path: Path) -> Iterator[Started]:
    podman.build(_SFTP, _FOLDER / "sftp")
    started = Started(podman, tmp_path)
    try:
        started("up", "--detach")
        yield started
    finally:
        started("down", "--timeout", "10")


def test_a_file_goes_from_the_inbox_to_the_server(podman: Podman, started: Started) -> None:
    aside = started.var / "students.xml"
    aside.write_text(users(*[user(person) for person in patrons(30)]))
    aside.rename(started.var / "inbox" / "students.xml")
    _wait_for(lambda: bool(started.files("inbox/held", "*.xml")), podman, started)
    (held,) = started.files("inbox/held", "*.xml")
    held.rename(started.var / "inbox" / "approved" / held.name)
    _wait_for(lambda: bool(started.files("upload/ALMA/SIS", "*.zip")), podman, started)
    (arrived,) = started.files("upload/ALMA/SIS", "*.zip")
    with zipfile.ZipFile(arrived) as bundle:
        assert bundle.testzip() is None


def test_the_compose_file_is_one() -> None:
    checker = Path(sys.executable).with_name("check-jsonschema")
    schema = "--builtin-schema", "vendor.compose-spec"
    subprocess.run([checker, *schema, _FOLDER / "compose.yaml"], check=True)


@pytest.mark.parametrize("name", sorted(_compose()["services"]))
def test_every_file_that_a_service_mounts_is_there(name: str) -> None:
    mounts = [volume.split(":")[0] for volume in _compose()["services"][name].get("volumes", [])]
    made = [mount for mount in mounts if not mount.startswith("./var")]
    assert [mount for mount in made if not (_FOLDER / mount).exists()] == []


def test_only_this_machine_can_reach_what_is_published() -> None:
    ports = [
        port for service in _compose()["services"].values() for port in service.get("ports", [])
    ]
    assert ports
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def test_prometheus_and_alertmanager_take_their_files(tmp_path: Path) -> None:
    (tmp_path / "prometheus.yaml").write_bytes((_FOLDER / "prometheus.yaml").read_bytes())
    (tmp_path / "rules.yaml").write_bytes((ROOT / "deploy/prometheus/rules.yaml").read_bytes())
    for words in (
        ("promtool", "check", "config", tmp_path / "prometheus.yaml"),
        (
            *("amtool", "check-config"),
            _FOLDER / "alertmanager.yaml",
        ),
    ):
        subprocess.run(words, check=True)
