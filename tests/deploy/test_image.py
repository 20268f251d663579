"""The image: really built from the Dockerfile, really run, with all that can be taken away gone."""

import re
import zipfile
from pathlib import Path

import pytest

from deploy.sbom import list_materials_of
from support.installation import Installation, running
from support.podman import ROOT, Podman
from support.release import IMAGE
from support.sshd import running_sshd
from support.xml import patrons, user, users

OURS = "65532:65532"
# As a cluster that gives each namespace its own range of users would choose.
ARBITRARY = "1000730000:0"
GRACE = 10
# Python packages that Debian's own Python brings; the official image has none.
OF_THE_BASE = {"packaging", "wheel"}


def document(people: int) -> str:
    return users(*[user(person) for person in patrons(people)])


@pytest.mark.parametrize("who", [OURS, ARBITRARY])
def test_a_file_is_delivered_from_a_hardened_container(
    podman: Podman, tmp_path: Path, who: str
) -> None:
    with podman.network() as (network, gateway), running_sshd(host=gateway) as sshd:
        installed = Installation(tmp_path, sshd, who)
        with running(podman, IMAGE, installed, network) as service:
            installed.drop("students.xml", document(30))
            service.wait_for(lambda: service.says("file.finished"), "the file is delivered")
            assert b"sisdrop_files_total" in service.get("/metrics")
            (arrived,) = sshd.upload_dir.iterdir()
            with zipfile.ZipFile(arrived) as bundle:
                assert bundle.testzip() is None
            assert service.stop(GRACE) == 0
    assert not list(installed.inbox.glob("*.xml"))


def test_the_image_says_what_it_is_and_starts_as_nobody(podman: Podman) -> None:
    config = podman.inspect(IMAGE)["Config"]
    assert config["User"] == OURS
    labels = config["Labels"]
    assert labels["org.opencontainers.image.version"] == "0.0.test"
    assert labels["org.opencontainers.image.revision"] == "abc"
    assert (config["Entrypoint"], config["Cmd"]) == (["sisdrop"], ["run"])


@pytest.mark.parametrize("tool", ["pip", "gcc", "cc", "make", "git"])
def test_nothing_that_installs_or_compiles_is_left(podman: Podman, tool: str) -> None:
    with pytest.raises(RuntimeError):
        podman("run", "--rm", f"--entrypoint={tool}", IMAGE, "--version")


def test_no_module_that_installs_is_left(podman: Podman) -> None:
    names = ("pip", "ensurepip", "hatchling")
    code = f"import importlib.util as u; print([n for n in {names} if u.find_spec(n)])"
    for python in ("/opt/sisdrop/bin/python", "/usr/local/bin/python"):
        assert podman("run", "--rm", f"--entrypoint={python}", IMAGE, "-c", code) == "[]"


def test_the_bill_of_materials_names_the_locked_packages_and_nothing_that_installs(
    podman: Podman, tmp_path: Path
) -> None:
    output = tmp_path / "sbom.json"
    list_materials_of(podman, IMAGE, output)
    found = dict(re.findall(r'"pkg:pypi/([^@"]+)@([^"]+)"', output.read_text()))
    lock = (ROOT / "requirements.lock").read_text()
    locked = dict(re.findall(r"^([a-z0-9-]+)(?:\[.*\])?==([^ ;]+)", lock, re.MULTILINE))
    assert {"asyncssh", "cryptography", "lxml", "pydantic", "sisdrop"} <= set(found)
    others = {name for name, version in found.items() if locked.get(name) != version}
    assert others <= {"sisdrop", *OF_THE_BASE}


def test_a_file_is_validated_without_settings_or_network(podman: Podman, tmp_path: Path) -> None:
    (tmp_path / "students.xml").write_text(document(3))
    tmp_path.chmod(0o755)
    said = podman(
        *("run", "--rm", "--network=none", "--read-only", f"--volume={tmp_path}:/here:ro"),
        *(IMAGE, "validate", "/here/students.xml"),
    )
    assert "3" in said
