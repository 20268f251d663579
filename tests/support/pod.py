"""A pod of a rendered chart, run by podman as a kubelet would run it.

A kubelet starts a container again when it ends by itself or when liveness fails. Here either fails
the test: a chart that needs that is broken.
"""

import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from typing_extensions import override

from support.installation import Running
from support.manifests import Manifests
from support.podman import Podman
from support.podspec import PodSpec, read_deployment
from support.probes import Probes, ask_over_http
from support.volumes import Claim, Data, Volumes


class Pod(Running):
    """A pod that runs; its probes are asked while something is waited for."""

    def __init__(self, podman: Podman, name: str, spec: PodSpec, volumes: Volumes) -> None:
        super().__init__(podman, name, spec.ports["http"])
        ask = partial(ask_over_http, self.address)
        self._grace = spec.grace
        self._probes = Probes(spec.probes, ask, time.monotonic())
        self._volumes = volumes

    @override
    def look(self) -> None:
        super().look()
        self._probes.look(time.monotonic())

    @override
    def is_ready(self) -> bool:
        """Whether its probes say so."""
        return self._probes.ready

    def is_unready(self) -> bool:
        """Whether its readiness was asked for, and denied."""
        return self._probes.unready

    def replace_secret(self, name: str, data: Data) -> None:
        """Give a Secret other contents, as somebody who rotates a key does."""
        self._volumes.replace_secret(name, data)

    def end(self) -> int:
        """What deleting the pod does: SIGTERM, and SIGKILL after its grace; gives the exit code."""
        return self.stop(self._grace)


@contextmanager
def running_pod(  # noqa: PLR0913 - a pod needs all of these from its cluster
    podman: Podman,
    manifests: Manifests,
    network: str,
    base: Path,
    *,
    secret_data: Mapping[str, Data],
    claims: Mapping[str, Claim],
) -> Iterator[Pod]:
    """The pod of the one Deployment; it is gone when the block is left, and its claims are not."""
    spec = read_deployment(manifests.only("Deployment"))
    volumes = Volumes(
        spec,
        base / f"volumes-{secrets.token_hex(4)}",
        config_maps=manifests.config_maps(),
        secrets=secret_data,
        claims=claims,
    )
    what = (f"--network={network}", *spec.options, *volumes.options(), spec.image, *spec.arguments)
    with podman.container(*what) as name:
        yield Pod(podman, name, spec, volumes)
