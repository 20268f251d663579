"""The chart's pod, run from its manifests: probes, volumes, rights and the grace that it gets."""

import zipfile
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from helm.render import Helm, examples

from support.manifests import Manifests
from support.pod import Pod, running_pod
from support.podman import Podman
from support.podspec import read_deployment
from support.release import DATA, INBOX, LOGIN, secret_data, values_for
from support.slow_door import SlowDoor, slow_door
from support.sshd import Sshd, running_sshd
from support.volumes import Claim
from support.xml import bulky, patrons, user, users

PEOPLE = users(*[user(person) for person in patrons(30)])


class Campus:
    """What surrounds the pod: the server behind its door, and the claims."""

    def __init__(
        self, podman: Podman, network: str, sshd: Sshd, door: SlowDoor, base: Path
    ) -> None:
        self.sshd = sshd
        self.door = door
        self.inbox = base / "inbox"
        self.data = base / "data"
        self._base = base
        self._podman = podman
        self._network = network
        for folder in (self.inbox, self.data):
            folder.mkdir()

    def pod(self, *, takes_group: bool = True) -> AbstractContextManager[Pod]:
        """A pod of the chart; `takes_group` is false for a share that ignores `fsGroup`."""
        return running_pod(
            self._podman,
            Manifests(Helm().template(values_for(self.sshd, self.door))),
            self._network,
            self._base,
            secret_data={LOGIN: secret_data(self.sshd.key)},
            claims={
                INBOX: Claim(self.inbox, takes_group=takes_group),
                DATA: Claim(self.data),
            },
        )

    def drop(self, name: str, content: str) -> None:
        """Put a file into the inbox, all at once."""
        aside = self._base / "aside"
        aside.write_text(content)
        aside.chmod(0o644)
        aside.rename(self.inbox / name)

    def arrived(self) -> list[Path]:
        """What lies on the server, half an upload included."""
        return sorted(self.sshd.upload_dir.iterdir())


@pytest.fixture
def campus(podman: Podman, tmp_path: Path) -> Iterator[Campus]:
    with (
        podman.network() as (network, gateway),
        running_sshd(host=gateway) as sshd,
        slow_door(gateway, sshd.port) as door,
    ):
        yield Campus(podman, network, sshd, door, tmp_path)


@pytest.mark.parametrize("example", examples())
def test_an_example_asks_for_nothing_that_is_not_acted_on_here(example: str) -> None:
    manifests = Manifests(Helm().template(examples()[example]))
    assert read_deployment(manifests.only("Deployment")).group


def test_a_file_that_is_dropped_into_the_claim_is_delivered(campus: Campus) -> None:
    with campus.pod() as pod:
        pod.wait_for(pod.is_ready, "its probes say that it is ready")
        campus.drop("students.xml", PEOPLE)
        pod.wait_for(lambda: pod.says("file.finished"), "the file is delivered")
        assert pod.end() == 0
    (delivered,) = campus.arrived()
    with zipfile.ZipFile(delivered) as bundle:
        assert bundle.testzip() is None


def test_a_rotated_key_is_used_without_a_restart(campus: Campus) -> None:
    campus.sshd.authorize(campus.sshd.other_key)
    campus.drop("students.xml", PEOPLE)
    with campus.pod() as pod:
        pod.wait_for(lambda: pod.says("lane.blocked"), "the old key is refused")
        pod.replace_secret(LOGIN, secret_data(campus.sshd.other_key))
        pod.wait_for(lambda: pod.says("file.finished"), "the new key is taken")


def test_a_pod_that_is_deleted_while_it_uploads_ends_well_and_the_next_one_goes_on(
    campus: Campus,
) -> None:
    campus.door.speed = 100_000
    campus.drop("students.xml", bulky(100))
    with campus.pod() as pod:
        pod.wait_for(lambda: any(path.stat().st_size for path in campus.arrived()), "it uploads")
        assert pod.end() == 0
    assert not [path for path in campus.arrived() if path.suffix == ".zip"]
    campus.door.speed = None
    with campus.pod() as pod:
        pod.wait_for(lambda: pod.says("file.finished"), "the upload is completed")
    (delivered,) = campus.arrived()
    with zipfile.ZipFile(delivered) as bundle:
        assert bundle.testzip() is None


def test_a_share_that_may_not_be_written_makes_it_unready_and_the_log_says_how_to_mend_it(
    campus: Campus,
) -> None:
    with campus.pod(takes_group=False) as pod:
        pod.wait_for(lambda: pod.says("scan.failed"), "it has looked")
        pod.wait_for(pod.is_unready, "its probe says that it is not ready")
        (told,) = [line for line in pod.log() if line["event"] == "scan.failed"]
        assert told["hint"] == (
            "user 65532 (group 65532) may not read, write or move files in /inbox; "
            "give it that right on the share"
        )
        assert pod.check("share") == (False, told["hint"])
        assert pod.end() == 0
