"""The chart on a real Kubernetes: what an operator does with a release, from first to last."""

import json
import zipfile

import pytest
from helm.render import HELMS, RELEASE, Helm

from kube.installed import PATIENTLY, Installed
from support.release import DATA
from support.xml import bulky, patrons, user, users


def people(count: int) -> str:
    return users(*[user(person) for person in patrons(count)])


def wait_for_zips(release: Installed, count: int) -> None:
    release.cluster.wait_for(lambda: len(release.zips()) == count, f"{count} zips arrive")


def test_upgrade_and_rollback_lose_no_file(release: Installed) -> None:
    release.install()
    first = release.pod()
    release.drop("students.xml", people(30))
    wait_for_zips(release, 1)
    release.upgrade(config={"log": {"level": "debug"}})
    second = release.pod()
    release.drop("students.xml", people(31))
    wait_for_zips(release, 2)
    release.run_helm("rollback", RELEASE, *PATIENTLY)
    release.drop("students.xml", people(32))
    wait_for_zips(release, 3)
    assert len({first, second, release.pod()}) == 3
    history = json.loads(release.run_helm("history", RELEASE, "--output=json"))
    assert [entry["status"] for entry in history] == ["superseded", "superseded", "deployed"]


def test_a_pod_that_is_deleted_while_it_uploads_delivers_exactly_once(release: Installed) -> None:
    # So slow that the next pod, too, is far from the end when the first is gone.
    release.door.speed = 20_000
    release.install()
    release.drop("students.xml", bulky(100))
    release.cluster.wait_for(
        lambda: any(path.stat().st_size for path in release.arrived()), "it uploads"
    )
    assert release.delete_pod() == 0
    assert release.zips() == []
    release.door.speed = None
    assert release.wait_until_said("file.finished")["state"] == "archived"
    (delivered,) = release.arrived()
    with zipfile.ZipFile(delivered) as bundle:
        assert bundle.testzip() is None


def test_a_rotated_key_is_used_without_a_restart(release: Installed) -> None:
    release.sshd.authorize(release.sshd.other_key)
    release.install()
    before = release.pod()
    release.drop("students.xml", people(30))
    assert release.wait_until_said("lane.blocked")["reason"] == "auth"
    release.use_key(release.sshd.other_key)
    wait_for_zips(release, 1)
    assert release.pod() == before


@pytest.mark.parametrize("program", HELMS)
def test_the_archive_outlives_the_release_and_the_next_one_knows_it(
    release: Installed, program: str
) -> None:
    release.helm = Helm(program)
    release.install()
    release.drop("students.xml", people(30))
    assert release.wait_until_said("file.finished")["state"] == "archived"
    release.cluster.publish(release.namespace, RELEASE)
    assert "Succeeded" in release.run_helm("test", RELEASE)
    release.run_helm("uninstall", RELEASE, "--wait")
    (archived,) = release.archived()
    assert archived.read_bytes() == release.zips()[0].read_bytes()
    release.install(persistence={"existingClaim": DATA})
    release.drop("students.xml", people(30))
    assert release.wait_until_said("file.finished")["state"] == "duplicate"
    assert len(release.zips()) == 1
