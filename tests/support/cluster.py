"""A Kubernetes of one node on this machine, real but for a cloud: volumes are made by hand."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support.control_plane import ControlPlane
from support.daemons import Daemons
from support.name_server import DOMAIN, NameServer
from support.node import NAME, Node

_PATIENCE = 90.0


class Cluster:
    """The control plane and its node, both running."""

    def __init__(
        self, base: Path, plane: ControlPlane, node: Node, names: NameServer, daemons: Daemons
    ) -> None:
        self.kubeconfig = plane.kubeconfig
        self.gateway = node.gateway
        self.load = node.load
        self.kubectl = plane.kubectl
        self.apply = plane.apply
        self.get = plane.get
        self.watching = plane.watching
        self._names = names
        self._volumes = base / "volumes"
        self._daemons = daemons

    def wait_for(self, condition: Callable[[], bool], what: str, within: float = _PATIENCE) -> None:
        """Wait until something is so.

        Raises:
            TimeoutError: with the ends of all logs, if it takes longer.
        """
        self._daemons.wait_for(condition, what, within)

    def claim(self, namespace: str, name: str) -> Path:
        """A volume that only this claim may have; its folder on this machine."""
        folder = self._volumes / namespace / name
        folder.mkdir(parents=True)
        here = {"key": "kubernetes.io/hostname", "operator": "In", "values": [NAME]}
        self.apply(
            {
                "apiVersion": "v1",
                "kind": "PersistentVolume",
                "metadata": {"name": f"{namespace}-{name}"},
                "spec": {
                    "capacity": {"storage": "100Gi"},
                    "accessModes": ["ReadWriteOnce", "ReadWriteMany"],
                    "claimRef": {"namespace": namespace, "name": name},
                    "local": {"path": str(folder)},
                    "nodeAffinity": {
                        "required": {"nodeSelectorTerms": [{"matchExpressions": [here]}]}
                    },
                },
            }
        )
        return folder

    def publish(self, namespace: str, service: str) -> None:
        """Let pods find a Service by its name, at the pod that it chooses now.

        A cluster would answer with the Service's own address, and lead from there to the pod.
        """
        (chosen,) = self.get("endpoints", service, f"--namespace={namespace}")["subsets"]
        (pod,) = chosen["addresses"]
        self._names.write(f"{service}.{namespace}.svc.{DOMAIN}", pod["ip"])

    def pods(self, namespace: str) -> list[dict[str, Any]]:
        """The pods of a namespace, those that are ending included."""
        return list(self.get("pods", f"--namespace={namespace}")["items"])

    def is_node_ready(self) -> bool:
        """Whether pods can run."""
        (node,) = self.get("nodes")["items"] or [{"status": {"conditions": []}}]
        states = {c["type"]: c["status"] for c in node["status"]["conditions"]}
        return states.get("Ready") == "True"


@contextmanager
def running_cluster(binaries: Path) -> Iterator[Cluster]:
    """A cluster whose node is ready; nothing of it is left when the block is left."""
    base = Path(tempfile.mkdtemp(prefix="sisdrop-kube-"))
    daemons = Daemons(base)
    plane = ControlPlane(base, binaries, daemons)
    node = Node(base, binaries, plane.kubeconfig, daemons)
    names = NameServer(base, daemons)
    try:
        plane.start()
        node.start()
        names.start(node.gateway)
        cluster = Cluster(base, plane, node, names, daemons)
        cluster.wait_for(cluster.is_node_ready, "the node is ready")
        yield cluster
    finally:
        node.stop()
        daemons.stop_all()
        shutil.rmtree(base)
