"""A namespace with a share, a Secret and a server, in which our chart is installed."""

import base64
import json
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from helm.render import CHART, RELEASE, ChartRefused, Helm

from support.cluster import Cluster
from support.release import DATA, INBOX, LOGIN, secret_data, values_for
from support.slow_door import SlowDoor, slow_door
from support.sshd import Sshd, running_sshd

PATIENTLY = ("--wait", "--timeout=90s")
DEPLOYMENT = f"deployment/{RELEASE}"


class Installed:
    """What an operator does and sees; nothing is installed until `install`."""

    def __init__(self, cluster: Cluster, base: Path, sshd: Sshd, door: SlowDoor) -> None:
        self.cluster = cluster
        self.sshd = sshd
        self.door = door
        self.helm = Helm()
        self.namespace = f"campus-{secrets.token_hex(3)}"
        self._chart = chart_for_an_old_cluster(base / "chart")
        self.inbox = cluster.claim(self.namespace, INBOX)
        self.data = cluster.claim(self.namespace, DATA)

    def furnish(self) -> None:
        """Make the namespace, the claim of the share and the Secret."""
        self.cluster.kubectl("create", "namespace", self.namespace)
        self.cluster.apply(
            {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "metadata": {"name": INBOX, "namespace": self.namespace},
                "spec": {
                    "accessModes": ["ReadWriteMany"],
                    "storageClassName": "",
                    "resources": {"requests": {"storage": "1Gi"}},
                },
            }
        )
        self.use_key(self.sshd.key)

    def use_key(self, key: Path) -> None:
        """Make the Secret, or renew it."""
        data = {name: base64.b64encode(value).decode() for name, value in secret_data(key).items()}
        metadata = {"name": LOGIN, "namespace": self.namespace}
        self.cluster.apply(
            {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data}
        )

    # What Helm does.

    def install(self, **changes: Mapping[str, Any]) -> None:
        """Install the chart, and wait until the pod is ready; `changes` to groups of values."""
        self._release("install", changes)

    def upgrade(self, **changes: Mapping[str, Any]) -> None:
        """Upgrade to these values, and wait until the new pod is ready."""
        self._release("upgrade", changes)

    def _release(self, command: str, changes: Mapping[str, Mapping[str, Any]]) -> None:
        values = values_for(self.sshd, self.door)
        for group, change in changes.items():
            values[group] = {**values.get(group, {}), **change}
        self.run_helm(command, RELEASE, str(self._chart), *PATIENTLY, values=values)

    def run_helm(self, *arguments: str, values: Mapping[str, Any] | None = None) -> str:
        """Run a command of Helm in this namespace; gives its output.

        Raises:
            ChartRefused: with what it said and what happened in the namespace, when it fails.
        """
        there = f"--kubeconfig={self.cluster.kubeconfig}", f"--namespace={self.namespace}"
        try:
            return self.helm.run(*arguments, *there, values=values)
        except ChartRefused as error:
            events = self.kubectl("get", "events", "--sort-by=.lastTimestamp")
            raise ChartRefused(f"{error}\n{events}") from error

    # What people do and see.

    def kubectl(self, *arguments: str) -> str:
        """Run a command of kubectl in this namespace; gives its output."""
        return self.cluster.kubectl(*arguments, f"--namespace={self.namespace}")

    def drop(self, name: str, content: str) -> None:
        """Put a file on the share, all at once."""
        aside = self.inbox.parent / "aside"
        aside.write_text(content)
        aside.chmod(0o644)
        aside.rename(self.inbox / name)

    def arrived(self) -> list[Path]:
        """What lies on the server, half an upload included."""
        return sorted(self.sshd.upload_dir.iterdir())

    def zips(self) -> list[Path]:
        """What lies on the server under its final name."""
        return [path for path in self.arrived() if path.suffix == ".zip"]

    def archived(self) -> list[Path]:
        """The zips in the archive."""
        return sorted(self.data.glob("archive/*/*/*/*/*.zip"))

    def pod(self) -> str:
        """The name of the one pod that is not ending."""
        (pod,) = [
            pod["metadata"]["name"]
            for pod in self.cluster.pods(self.namespace)
            if "deletionTimestamp" not in pod["metadata"]
        ]
        return str(pod)

    def delete_pod(self) -> int:
        """Delete the pod that runs now, as a drained node would; gives its exit code."""
        pod = self.pod()
        with self.cluster.watching("pod", pod, f"--namespace={self.namespace}") as versions:
            self.kubectl("delete", "pod", pod, "--wait")
        statuses = [version["status"]["containerStatuses"][0]["state"] for version in versions]
        (ended,) = {s["terminated"]["exitCode"] for s in statuses if "terminated" in s}
        return int(ended)

    def said(self, event: str) -> list[dict[str, Any]]:
        """What the pod that runs now has logged of one kind; nothing while there is none."""
        with suppress(RuntimeError):
            lines = [json.loads(line) for line in self.kubectl("logs", DEPLOYMENT).splitlines()]
            return [line for line in lines if line["event"] == event]
        return []

    def wait_until_said(self, event: str) -> dict[str, Any]:
        """The first line of one kind that the pod that runs now logs."""
        self.cluster.wait_for(lambda: bool(self.said(event)), f"{event} is logged")
        return self.said(event)[0]


def chart_for_an_old_cluster(folder: Path) -> Path:
    """A copy of the chart that does not ask for a newer Kubernetes than the tests can have."""
    shutil.copytree(CHART, folder)
    about = folder / "Chart.yaml"
    about.write_text(re.sub(r"(?m)^kubeVersion:.*\n", "", about.read_text()))
    return folder


@contextmanager
def installed(cluster: Cluster, base: Path) -> Iterator[Installed]:
    """A namespace that is ready for the chart; it is gone when the block is left."""
    with (
        running_sshd(host=cluster.gateway) as sshd,
        slow_door(sshd.host, sshd.port) as door,
    ):
        release = Installed(cluster, base, sshd, door)
        release.furnish()
        try:
            yield release
        finally:
            cluster.kubectl("delete", "namespace", release.namespace)
