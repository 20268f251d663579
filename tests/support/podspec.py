"""What a rendered Deployment asks of the machine that runs its pod, and nothing left unread."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from support.manifests import Fields, ManifestError, quantity

_PROBES = ("startupProbe", "livenessProbe", "readinessProbe")


@dataclass(frozen=True)
class ProbeSpec:
    """An HTTP probe; times in seconds."""

    path: str
    port: int
    delay: float
    period: float
    timeout: float
    failures: int


@dataclass(frozen=True)
class Mount:
    """Where a volume shows in the container."""

    volume: str
    path: str
    read_only: bool


@dataclass(frozen=True)
class PodSpec:
    """One container in a pod; `options` are what podman is told about rights and limits."""

    image: str
    arguments: tuple[str, ...]
    options: tuple[str, ...]
    ports: Mapping[str, int]
    probes: Mapping[str, ProbeSpec]
    mounts: tuple[Mount, ...]
    volumes: Mapping[str, Mapping[str, Any]]
    group: int | None
    grace: int


def read_deployment(deployment: Mapping[str, Any]) -> PodSpec:
    """The pod of a Deployment of one replica.

    Raises:
        ManifestError: for a field that is not acted on here.
    """
    with Fields("Deployment", deployment) as fields:
        fields.expect("apiVersion", "apps/v1")
        fields.expect("kind", "Deployment")
        fields.need("metadata")
        with fields.inner("spec") as spec:
            spec.expect("replicas", 1)
            spec.expect("strategy", {"type": "Recreate"})
            spec.take("revisionHistoryLimit")
            wanted = spec.need("selector")["matchLabels"]
            with spec.inner("template") as template:
                labels = template.need("metadata")["labels"]
                if not wanted.items() <= labels.items():
                    raise ManifestError("the Deployment's selector does not choose its own pods")
                return _pod(template.inner("spec"))


def _pod(fields: Fields) -> PodSpec:
    with fields as pod:
        # Nobody here could give the pod what these would bring.
        pod.expect("automountServiceAccountToken", value=False)
        pod.expect("enableServiceLinks", value=False)
        pod.take("serviceAccountName")
        (content,) = pod.need("containers")
        volumes = {volume["name"]: volume for volume in pod.need("volumes")}
        grace = int(pod.need("terminationGracePeriodSeconds"))
        security = dict(pod.need("securityContext"))
        group = security.get("fsGroup")
        with Fields("container", content) as container:
            spec = PodSpec(
                image=container.need("image"),
                arguments=tuple(container.take("args", ())),
                options=(
                    *_rights(security, container.need("securityContext")),
                    *_limits(container.inner("resources")),
                    *_environment(container.take("env", ())),
                ),
                ports=(ports := _ports(container.need("ports"))),
                probes={name: _probe(container.inner(name), ports) for name in _PROBES},
                mounts=tuple(_mounts(container.need("volumeMounts"))),
                volumes=volumes,
                group=group,
                grace=grace,
            )
            container.need("name")
            container.need("imagePullPolicy")
    shown = {mount.volume for mount in spec.mounts}
    if shown != set(volumes):
        raise ManifestError(f"volumes without a mount, or mounts without one: {shown ^ {*volumes}}")
    return spec


def _rights(pod: Mapping[str, Any], container: Mapping[str, Any]) -> Iterator[str]:
    """What the two security contexts say, the container's before the pod's."""
    with Fields("securityContext", {**pod, **container}) as fields:
        fields.expect("runAsNonRoot", value=True)
        fields.expect("seccompProfile", {"type": "RuntimeDefault"})  # podman's own default
        fields.expect("allowPrivilegeEscalation", value=False)
        fields.expect("readOnlyRootFilesystem", value=True)
        fields.expect("capabilities", {"drop": ["ALL"]})
        fields.take("fsGroupChangePolicy")
        user, own_group = int(fields.need("runAsUser")), int(fields.need("runAsGroup"))
        if user == 0:
            raise ManifestError("runAsUser is 0, and runAsNonRoot forbids that")
        yield f"--user={user}:{own_group}"
        if (group := fields.take("fsGroup")) is not None:
            yield f"--group-add={group}"
    # A kubelet, other than podman, mounts nothing over /tmp by itself.
    yield from ("--read-only", "--read-only-tmpfs=false")
    yield from ("--cap-drop=all", "--security-opt=no-new-privileges")


def _limits(fields: Fields) -> Iterator[str]:
    with fields as resources:
        with resources.inner("requests") as requests:
            for name in ("cpu", "memory"):
                quantity(requests.need(name))
        with resources.inner("limits") as limits:
            yield f"--memory={quantity(limits.need('memory')):.0f}"
            if (cores := limits.take("cpu")) is not None:
                yield f"--cpus={quantity(cores)}"


def _environment(entries: list[Mapping[str, Any]]) -> Iterator[str]:
    for entry in entries:
        with Fields("env", entry) as fields:
            yield f"--env={fields.need('name')}={fields.need('value')}"


def _ports(entries: list[Mapping[str, Any]]) -> dict[str, int]:
    found = {}
    for entry in entries:
        with Fields("port", entry) as fields:
            found[str(fields.need("name"))] = int(fields.need("containerPort"))
            if fields.take("protocol", "TCP") != "TCP":
                raise ManifestError("only TCP is known here")
    return found


def _probe(fields: Fields, ports: Mapping[str, int]) -> ProbeSpec:
    """What is left out is what Kubernetes takes by itself."""
    with fields as probe:
        with probe.inner("httpGet") as get:
            path, port = get.need("path"), get.need("port")
            if port not in ports:
                raise ManifestError(f"a probe asks the port {port!r}, and no port has that name")
        return ProbeSpec(
            path=path,
            port=ports[port],
            delay=float(probe.take("initialDelaySeconds", 0)),
            period=float(probe.take("periodSeconds", 10)),
            timeout=float(probe.take("timeoutSeconds", 1)),
            failures=int(probe.take("failureThreshold", 3)),
        )


def _mounts(entries: list[Mapping[str, Any]]) -> Iterator[Mount]:
    for entry in entries:
        with Fields("volumeMount", entry) as fields:
            yield Mount(
                volume=fields.need("name"),
                path=fields.need("mountPath"),
                read_only=bool(fields.take("readOnly", otherwise=False)),
            )
