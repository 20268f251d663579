"""What runs the chart's pod in the tests: it refuses what it cannot do, and asks as a kubelet."""

from typing import Any

import pytest
import yaml

from support.manifests import ManifestError
from support.podspec import PodSpec, ProbeSpec, read_deployment
from support.probes import Probes, Unhealthy

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: night}
spec:
  replicas: 1
  strategy: {type: Recreate}
  selector: {matchLabels: {app: night}}
  template:
    metadata: {labels: {app: night}}
    spec:
      automountServiceAccountToken: false
      enableServiceLinks: false
      terminationGracePeriodSeconds: 45
      securityContext:
        runAsNonRoot: true
        runAsUser: 7
        runAsGroup: 8
        fsGroup: 9
        seccompProfile: {type: RuntimeDefault}
      containers:
        - name: sisdrop
          image: sisdrop:1
          imagePullPolicy: Never
          ports: [{name: http, containerPort: 8080}]
          securityContext:
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities: {drop: [ALL]}
          resources:
            requests: {cpu: 100m, memory: 64Mi}
            limits: {memory: 128Mi}
          startupProbe: {httpGet: {path: /livez, port: http}, failureThreshold: 60}
          livenessProbe: {httpGet: {path: /livez, port: http}}
          readinessProbe: {httpGet: {path: /readyz, port: http}}
          volumeMounts: [{name: data, mountPath: /data}]
      volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]
"""


def read(*path: str | int, **changes: Any) -> PodSpec:
    """The Deployment with changes to the mapping at a path."""
    deployment = yaml.safe_load(DEPLOYMENT)
    place = deployment
    for step in path:
        place = place[step]
    place |= changes
    return read_deployment(deployment)


POD = ("spec", "template", "spec")
CONTAINER = (*POD, "containers", 0)


def test_rights_and_limits_reach_podman() -> None:
    spec = read()
    assert set(spec.options) == {
        *("--user=7:8", "--group-add=9", "--memory=134217728"),
        *("--read-only", "--read-only-tmpfs=false"),
        *("--cap-drop=all", "--security-opt=no-new-privileges"),
    }
    assert (spec.image, spec.grace, spec.group) == ("sisdrop:1", 45, 9)


@pytest.mark.parametrize(
    ("path", "change"),
    [
        (("spec",), {"paused": True}),
        (("spec",), {"replicas": 2}),
        (("spec", "selector"), {"matchLabels": {"app": "day"}}),
        (POD, {"hostNetwork": True}),
        (POD, {"volumes": []}),
        ((*POD, "securityContext"), {"runAsUser": 0}),
        ((*POD, "securityContext"), {"sysctls": []}),
        (CONTAINER, {"lifecycle": {}}),
        ((*CONTAINER, "securityContext"), {"privileged": True}),
        ((*CONTAINER, "resources", "limits"), {"ephemeral-storage": "1Gi"}),
        ((*CONTAINER, "livenessProbe"), {"terminationGracePeriodSeconds": 1}),
        ((*CONTAINER, "readinessProbe", "httpGet"), {"port": "metrics"}),
        ((*CONTAINER, "volumeMounts", 0), {"subPath": "x"}),
    ],
)
def test_what_it_does_not_act_on_is_refused(
    path: tuple[str | int, ...], change: dict[str, Any]
) -> None:
    with pytest.raises(ManifestError):
        read(*path, **change)


class Asked:
    """Answers a probe by its path, and writes down which was asked."""

    def __init__(self, **good: bool) -> None:
        self.good = good
        self.paths: list[str] = []

    def answer(self, spec: ProbeSpec) -> bool:
        """Whether this probe succeeds."""
        self.paths.append(spec.path)
        return self.good[spec.path]


def probes(asked: Asked) -> Probes:
    names = {"startupProbe": "start", "livenessProbe": "live", "readinessProbe": "ready"}
    specs = {
        name: ProbeSpec(path, 8080, delay=0, period=10, timeout=1, failures=3)
        for name, path in names.items()
    }
    return Probes(specs, asked.answer, now=0)


def pass_time(pod: Probes, seconds: int) -> None:
    for tenth in range(seconds * 10):
        pod.look(tenth / 10)


def test_nothing_else_is_asked_until_it_has_started() -> None:
    asked = Asked(start=False, live=True, ready=True)
    pod = probes(asked)
    pod.look(0)
    assert (asked.paths, pod.ready) == (["start"], False)
    asked.good["start"] = True
    pod.look(10)
    pod.look(10.1)
    assert (asked.paths, pod.ready) == (["start", "start", "live", "ready"], True)


def test_each_is_asked_once_in_its_period() -> None:
    asked = Asked(start=True, live=True, ready=True)
    pod = probes(asked)
    pass_time(pod, 20)
    assert {path: asked.paths.count(path) for path in asked.good} == {
        "start": 1,
        "live": 2,
        "ready": 2,
    }


def test_readiness_is_lost_after_three_failures_and_the_pod_lives_on() -> None:
    asked = Asked(start=True, live=True, ready=True)
    pod = probes(asked)
    pod.look(0)
    pod.look(0.1)
    asked.good["ready"] = False
    readiness = []
    for now in (10.2, 20.3, 30.4):
        pod.look(now)
        readiness.append(pod.ready)
    assert (readiness, pod.unready) == ([True, True, False], True)


@pytest.mark.parametrize("dead", ["start", "live"])
def test_a_pod_that_does_not_start_or_live_is_ended(dead: str) -> None:
    asked = Asked(start=True, live=True, ready=True)
    asked.good[dead] = False
    pod = probes(asked)
    with pytest.raises(Unhealthy, match=f"{dead} failed 3 times"):
        pass_time(pod, 40)
    assert asked.paths.count(dead) == 3
