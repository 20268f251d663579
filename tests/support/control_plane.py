"""The control plane of a Kubernetes on loopback: etcd, API server, controllers, scheduler."""

import json
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import yaml
from helm.render import TOOLS

from support.daemons import Daemons
from support.sshd import free_port

_SERVICES = "10.96.0.0/16"


class ControlPlane:
    """Keeps all that it writes below `base`; the programs lie in `binaries`."""

    def __init__(self, base: Path, binaries: Path, daemons: Daemons) -> None:
        self.kubeconfig = base / "kubeconfig"
        self._base = base
        self._binaries = binaries
        self._daemons = daemons
        self._certificate = base / "tls.crt"
        self._key = base / "tls.key"
        self._accounts_key = base / "accounts.key"

    def start(self) -> None:
        """Start all of it; returns when the API server answers."""
        self._make_keys()
        etcd, api = (f"127.0.0.1:{free_port()}" for _ in range(2))
        self._start_etcd(etcd)
        self._start_api_server(etcd, api)
        self._daemons.wait_for(self._is_ready, "the API server is ready", 60)
        self._daemons.start(
            "controllers",
            self._binaries / "kube-controller-manager",
            f"--kubeconfig={self.kubeconfig}",
            f"--service-account-private-key-file={self._accounts_key}",
            f"--root-ca-file={self._certificate}",
            f"--cert-dir={self._base / 'controllers'}",
            *("--leader-elect=false", "--port=0", "--secure-port=0"),
        )
        self._daemons.start(
            "scheduler",
            self._binaries / "kube-scheduler",
            f"--kubeconfig={self.kubeconfig}",
            *("--leader-elect=false", "--port=0", "--secure-port=0"),
        )

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """Run a command of kubectl; gives its output.

        Raises:
            RuntimeError: with what it said, when it fails.
        """
        done = subprocess.run(
            [TOOLS / "kubectl", f"--kubeconfig={self.kubeconfig}", *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"kubectl {' '.join(arguments)}: {done.stdout}{done.stderr}")
        return done.stdout

    @contextmanager
    def watching(self, *what: str) -> Iterator[list[dict[str, Any]]]:
        """Every version of an object within the block; complete when the block is left."""
        seen: list[dict[str, Any]] = []
        command = (TOOLS / "kubectl", f"--kubeconfig={self.kubeconfig}", "get", "--watch")
        with subprocess.Popen([*command, "--output=json", *what], stdout=subprocess.PIPE) as watch:
            try:
                yield seen
            finally:
                watch.terminate()
                seen += _documents(watch.communicate()[0].decode())

    def apply(self, *objects: dict[str, object]) -> None:
        """Make these objects, or change them to this."""
        self.kubectl("apply", "--filename=-", stdin=yaml.safe_dump_all(objects))

    def get(self, *what: str) -> dict[str, Any]:
        """An object, or a list of them, as the API server shows it."""
        return dict(json.loads(self.kubectl("get", "--output=json", *what)))

    def _make_keys(self) -> None:
        openssl = shutil.which("openssl") or "/usr/bin/openssl"
        subprocess.run(
            [
                *(openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
                *("-subj", "/CN=tests", "-addext", "subjectAltName=IP:127.0.0.1"),
                *("-keyout", self._key, "-out", self._certificate),
            ],
            check=True,
            capture_output=True,
        )
        subprocess.run(
            [openssl, "genrsa", "-out", self._accounts_key, "2048"],
            check=True,
            capture_output=True,
        )

    def _start_etcd(self, address: str) -> None:
        peer = f"http://127.0.0.1:{free_port()}"
        self._daemons.start(
            "etcd",
            "etcd",
            f"--data-dir={self._base / 'etcd'}",
            f"--listen-client-urls=http://{address}",
            f"--advertise-client-urls=http://{address}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            "--unsafe-no-fsync",
        )

    def _start_api_server(self, etcd: str, address: str) -> None:
        token = secrets.token_hex(16)
        tokens = self._base / "tokens.csv"
        tokens.write_text(f"{token},admin,admin,system:masters\n")
        self.kubeconfig.write_text(yaml.safe_dump(self._access(address, token)))
        self._daemons.start(
            "api-server",
            self._binaries / "kube-apiserver",
            f"--etcd-servers=http://{etcd}",
            "--bind-address=127.0.0.1",
            f"--secure-port={address.rpartition(':')[2]}",
            "--insecure-port=0",
            f"--tls-cert-file={self._certificate}",
            f"--tls-private-key-file={self._key}",
            f"--cert-dir={self._base / 'api-server'}",
            f"--token-auth-file={tokens}",
            "--authorization-mode=RBAC",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={self._accounts_key}",
            f"--service-account-signing-key-file={self._accounts_key}",
            f"--service-cluster-ip-range={_SERVICES}",
            "--endpoint-reconciler-type=none",
            "--kubelet-preferred-address-types=Hostname",
        )

    def _access(self, address: str, token: str) -> dict[str, object]:
        cluster = {
            "server": f"https://{address}",
            "certificate-authority": str(self._certificate),
        }
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "tests", "cluster": cluster}],
            "users": [{"name": "admin", "user": {"token": token}}],
            "contexts": [{"name": "tests", "context": {"cluster": "tests", "user": "admin"}}],
            "current-context": "tests",
        }

    def _is_ready(self) -> bool:
        with suppress(RuntimeError):
            return self.kubectl("get", "--raw=/readyz") == "ok"
        return False


def _documents(text: str) -> list[dict[str, Any]]:
    """JSON documents that follow each other; one that was cut off at the end is left out."""
    found, decoder = [], json.JSONDecoder()
    with suppress(json.JSONDecodeError):
        while text := text.lstrip():
            document, length = decoder.raw_decode(text)
            found.append(document)
            text = text[length:]
    return found
