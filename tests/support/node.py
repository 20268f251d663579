"""The one node of a Kubernetes: containerd and a kubelet, with a network of their own."""

import json
import os
import secrets
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import yaml

from support.daemons import Daemons
from support.name_server import DOMAIN
from support.sshd import free_port

NAME = "localhost"
PAUSE = "localhost/pause:test"


class Node:
    """Keeps all that it writes below `base`, but for a bridge and cgroups with names of their own.

    `gateway` is the address at which pods see this machine.
    """

    def __init__(self, base: Path, binaries: Path, kubeconfig: Path, daemons: Daemons) -> None:
        mark = secrets.token_hex(3)
        self.base = base
        self.bridge = f"sisdrop{mark}"
        self._subnet = f"10.97.{int(mark[:2], 16)}"
        self.gateway = f"{self._subnet}.1"
        self._socket = base / "containerd.sock"
        self._binaries = binaries
        self._kubeconfig = kubeconfig
        self._daemons = daemons

    def start(self) -> None:
        """Start containerd, then the kubelet; the node may not be ready yet when this returns."""
        # Made beforehand, so that a server can listen on its address before there is any pod.
        _run("ip", "link", "add", self.bridge, "type", "bridge")
        _run("ip", "address", "add", f"{self.gateway}/24", "dev", self.bridge)
        _run("ip", "link", "set", self.bridge, "up")
        for hierarchy in _cgroup_hierarchies():
            (hierarchy / self.bridge).mkdir()
        self._start_containerd()
        self._start_kubelet()

    def load(self, archive: Path) -> None:
        """Take the images of a docker archive."""
        self._ctr("images", "import", str(archive))

    def _start_containerd(self) -> None:
        network = self.base / "network"
        network.mkdir()
        (network / "10-tests.conflist").write_text(json.dumps(self._network()))
        config = self.base / "containerd.toml"
        config.write_text(f"""\
version = 2
root = "{self.base}/images"
state = "{self.base}/state"
[grpc]
  address = "{self._socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE}"
  # Needs no right that a container, in which the tests may run, lacks.
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{network}"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      Root = "{self.base}/runc"
""")
        self._daemons.start("containerd", "containerd", f"--config={config}")
        self._daemons.wait_for(self._answers, "containerd answers", 30)

    def _network(self) -> dict[str, object]:
        addresses = {
            "type": "host-local",
            "dataDir": str(self.base / "addresses"),
            "ranges": [[{"subnet": f"{self._subnet}.0/24"}]],
            "routes": [{"dst": "0.0.0.0/0"}],
        }
        bridge = {
            "type": "bridge",
            "bridge": self.bridge,
            "isGateway": True,
            "hairpinMode": True,
            "ipam": addresses,
        }
        return {"cniVersion": "0.4.0", "name": self.bridge, "plugins": [bridge]}

    def _start_kubelet(self) -> None:
        config = self.base / "kubelet.yaml"
        config.write_text(yaml.safe_dump(self._kubelet()))
        self._daemons.start(
            "kubelet",
            self._binaries / "kubelet",
            f"--config={config}",
            f"--kubeconfig={self._kubeconfig}",
            f"--root-dir={self.base / 'kubelet'}",
            f"--cert-dir={self.base / 'kubelet-certificates'}",
            f"--volume-plugin-dir={self.base / 'plugins'}",
            "--container-runtime=remote",
            f"--container-runtime-endpoint=unix://{self._socket}",
            f"--hostname-override={NAME}",
        )

    def _kubelet(self) -> dict[str, object]:
        return {
            "kind": "KubeletConfiguration",
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "address": "127.0.0.1",
            "port": free_port(),
            "healthzPort": 0,
            "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
            "authorization": {"mode": "AlwaysAllow"},
            "clusterDNS": [self.gateway],
            "clusterDomain": DOMAIN,
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": f"/{self.bridge}",
            "enforceNodeAllocatable": [],
            "evictionHard": {"memory.available": "50Mi"},
            "failSwapOn": False,
            "imageGCHighThresholdPercent": 100,
            "makeIPTablesUtilChains": False,
            "maxOpenFiles": 1024,
            "oomScoreAdj": 0,
            # A pod sees a rotated Secret within this and the time that the kubelet caches it.
            "syncFrequency": "1s",
            "configMapAndSecretChangeDetectionStrategy": "Watch",
        }

    def stop(self) -> None:
        """End what runs here, containers and their keepers included, and undo every mount."""
        self._daemons.stop("kubelet")
        with suppress(RuntimeError):  # when containerd never came up there is nothing to remove
            for task in self._ctr("tasks", "list", "--quiet").split():
                with suppress(RuntimeError):  # it may have ended by itself
                    self._ctr("tasks", "delete", "--force", task)
            for container in self._ctr("containers", "list", "--quiet").split():
                self._ctr("containers", "delete", container)
        self._daemons.stop("containerd")
        for pid in self._keepers():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for place in reversed(mounts_below(self.base)):
            _run("umount", "--lazy", place)
        with suppress(RuntimeError):
            _run("ip", "link", "delete", self.bridge)
        for hierarchy in _cgroup_hierarchies():
            for folder, _, _ in os.walk(hierarchy / self.bridge, topdown=False):
                Path(folder).rmdir()

    def _keepers(self) -> list[int]:
        """The processes that outlive containerd, to keep its containers: those of our socket."""
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):
                if os.fsencode(self._socket) in path.read_bytes().split(b"\0"):
                    found.append(int(path.parent.name))
        return found

    def _ctr(self, *arguments: str) -> str:
        return _run("ctr", f"--address={self._socket}", "--namespace=k8s.io", *arguments)

    def _answers(self) -> bool:
        with suppress(RuntimeError):
            return bool(self._ctr("version"))
        return False


def mounts_below(folder: Path) -> list[str]:
    """Where anything is mounted below a folder, the outer places before the inner ones."""
    return [place for place, _ in _mounts() if place.startswith(f"{folder}/")]


def _cgroup_hierarchies() -> list[Path]:
    return [Path(place) for place, kind in _mounts() if kind in ("cgroup", "cgroup2")]


def _mounts() -> list[tuple[str, str]]:
    """Every mount's place and kind."""
    lines = Path("/proc/mounts").read_text().splitlines()
    return [(place, kind) for _, place, kind, *_ in map(str.split, lines)]


def _run(*command: str) -> str:
    done = subprocess.run([*command], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stdout}{done.stderr}")
    return done.stdout
