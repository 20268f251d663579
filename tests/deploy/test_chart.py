"""The chart: rendered with real Helms, and held against Kubernetes' own schemas."""

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from helm import generate
from helm.render import CHART, HELMS, ROOT, ChartRefused, Helm, examples, objects
from helm.schema import SET_BY_CHART
from helm.values import leaves, read_values

from sisdrop.settings import Settings

LEAST = examples()["claim"]
RESTRICTED_POD = {
    "runAsNonRoot": True,
    "runAsUser": 65532,
    "runAsGroup": 65532,
    "fsGroup": 65532,
    "fsGroupChangePolicy": "OnRootMismatch",
    "seccompProfile": {"type": "RuntimeDefault"},
}
RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
}


def merged(values: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Values with some of them changed, sections merged."""
    both = {
        key: merged(values[key], change)
        if isinstance(change, dict) and isinstance(values.get(key), dict)
        else change
        for key, change in changes.items()
    }
    return {**values, **both}


def render(changes: Mapping[str, Any], **how: Any) -> dict[str, dict[str, Any]]:
    """The objects by kind; a kind that comes twice is told by its name as well."""
    found = list(objects(Helm(**how).template(merged(LEAST, changes))))
    kinds = [one["kind"] for one in found]
    return {
        one["kind"]
        if kinds.count(one["kind"]) == 1
        else f"{one['kind']} {one['metadata']['name']}": one
        for one in found
    }


def pod(changes: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The pod of the Deployment."""
    return dict(render(changes or {})["Deployment"]["spec"]["template"]["spec"])


def settings(changes: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The settings that the service gets."""
    config = render(changes or {})["ConfigMap sisdrop"]
    return dict(yaml.safe_load(config["data"]["config.yaml"]))


def refused(changes: Mapping[str, Any], **how: Any) -> str:
    """What Helm says of values that it does not take."""
    with pytest.raises(ChartRefused) as caught:
        render(changes, **how)
    return str(caught.value)


@pytest.fixture(params=HELMS)
def program(request: pytest.FixtureRequest) -> str:
    """Each Helm in turn."""
    return str(request.param)


# What is made from it is fresh.


@pytest.mark.parametrize("make", [generate.before_rendering, generate.rendered])
def test_what_is_made_from_the_chart_is_fresh(make: Any) -> None:
    """If not: make chart."""
    stale = [path.name for path, text in make().items() if path.read_text() != text]
    assert stale == []


def test_nothing_else_lies_where_it_is_kept() -> None:
    made = {*generate.rendered()}
    folders = (CHART / "golden", generate.MANIFESTS, generate.RULES.parent)
    assert {path for folder in folders for path in folder.iterdir()} == made


# Taken by Helm and by Kubernetes.


def test_lint_finds_nothing(program: str) -> None:
    said = Helm(program).run("lint", "--strict", str(CHART), values=LEAST)
    assert "0 chart(s) failed" in said


@pytest.mark.parametrize("name", examples())
def test_every_helm_renders_the_same(name: str) -> None:
    values = examples()[name]
    one, other = (
        [line for line in Helm(program).template(values).splitlines() if line] for program in HELMS
    )
    assert one == other


@pytest.mark.parametrize("version", ["1.25", "1.31", "1.37"])
@pytest.mark.parametrize("name", examples())
def test_kubernetes_knows_every_field(name: str, version: str) -> None:
    checker = Path(sys.executable).with_name("kubernetes-validate")
    done = subprocess.run(
        [checker, "--strict", "--no-warn", "-k", version, CHART / "golden" / f"{name}.yaml"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_values_are_tidy() -> None:
    rules = "{extends: default, rules: {line-length: {max: 100}, document-start: disable, braces: disable, comments: {min-spaces-from-content: 1}, indentation: {indent-sequences: consistent}}}"  # noqa: E501 - one setting
    files = [CHART / "Chart.yaml", CHART / "values.yaml"]
    linter = Path(sys.executable).with_name("yamllint")
    done = subprocess.run(
        [linter, "-s", "-d", rules, *files], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


# What must be given, and what cannot be.


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"config": {"sftp": {"host": None}}}, "config.sftp.host is missing: give"),
        ({"config": {"sftp": {"username": None}}}, "config.sftp.username is missing: give"),
        ({"config": {"sftp": {"directory": None}}}, "config.sftp.directory is missing: give"),
        ({"existingSecret": None}, "existingSecret is missing: make a Secret"),
        ({"knownHosts": {"text": None}}, "cannot be switched off"),
        ({"knownHosts": {"existingConfigMap": "mine"}}, "Take one away"),
        ({"inbox": {"existingClaim": None}}, "inbox.existingClaim is missing: give"),
        ({"secretKeys": {"privateKey": None}}, "neither a privateKey nor a password"),
        ({"secretKeys": {"password": "password"}}, "exactly one of them"),
        ({"secretKeys": {"mailPassword": "mail"}}, "give the mail server there"),
        (
            {"metrics": {"serviceMonitor": {"enabled": True}, "podMonitor": {"enabled": True}}},
            "counted twice",
        ),
        (
            {"metrics": {"serviceMonitor": {"enabled": True}}, "service": {"enabled": False}},
            "use metrics.podMonitor",
        ),
    ],
)
def test_what_cannot_be_is_told_in_a_sentence(
    changes: Mapping[str, Any], says: str, program: str
) -> None:
    assert says in refused(changes, program=program)


def test_a_second_replica_is_refused_even_where_the_schema_is_skipped() -> None:
    skip = ["--skip-schema-validation"]
    assert "replicaCount is 0 or 1" in refused({"replicaCount": 2}, options=skip)


@pytest.mark.parametrize(
    "changes",
    [
        {"replicaCount": 2},
        {"replicas": 1},
        {"config": {"inbox": {"setle": "30s"}}},
        {"config": {"inbox": {"settle": 30}}},
        {"config": {"guard": {"max_drop": "twenty"}}},
        {"config": {"notify": {"smpt": "mail:25"}}},
        {"image": {"pullPolicy": "Sometimes"}},
        {"metrics": {"podMonitor": {"enable": True}}},
    ],
    ids=str,
)
def test_a_typo_fails(changes: Mapping[str, Any], program: str) -> None:
    assert "values.schema.json" in refused(changes, program=program) or "schema" in refused(changes)


@pytest.mark.parametrize("path", SET_BY_CHART)
def test_what_the_chart_decides_cannot_be_given(path: str) -> None:
    change: Any = "/elsewhere"
    for key in reversed(path.split(".")):
        change = {key: change}
    assert "additional properties" in refused({"config": change})


# The settings pass through.


@cache
def _known_settings() -> frozenset[str]:
    """The paths of all settings, from their own schema."""
    schema = Settings.model_json_schema()

    def walk(section: Any, path: str) -> Any:
        for key, one in section["properties"].items():
            at = f"{path}.{key}" if path else key
            references = [one, *one.get("anyOf", ())]
            names = [ref["$ref"].rpartition("/")[2] for ref in references if "$ref" in ref]
            yield from walk(schema["$defs"][names[0]], at) if names else [at]

    return frozenset(walk(schema, ""))


def test_every_setting_can_be_given_or_is_the_charts() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())

    def walk(section: Any, path: str) -> Any:
        for key, one in section["properties"].items():
            at = f"{path}.{key}" if path else key
            references = [one, *one.get("anyOf", ())]
            names = [ref["$ref"].rpartition("/")[2] for ref in references if "$ref" in ref]
            yield from walk(schema["definitions"][names[0]], at) if names else [at]

    decided = {
        path
        for path in _known_settings()
        for ours in SET_BY_CHART
        if f"{path}.".startswith(f"{ours}.")
    }
    assert decided
    assert {*walk(schema["properties"]["config"], "")} | decided == _known_settings()


@pytest.mark.parametrize("name", examples())
def test_the_service_takes_the_settings_that_it_gets(name: str) -> None:
    (config,) = [
        one["data"]["config.yaml"]
        for one in objects(Helm().template(examples()[name]))
        if "config.yaml" in one.get("data", {})
    ]
    Settings.model_validate(yaml.safe_load(config))


def test_settings_pass_through_under_their_own_names() -> None:
    given = settings({"config": {"inbox": {"settle": "60s"}, "archive": {"keep_last": 2}}})
    assert given["inbox"] == {"path": "/inbox", "settle": "60s"}
    assert given["archive"] == {"keep_last": 2}
    assert given["sftp"]["key"] == "/secrets/id"
    assert given["sftp"]["known_hosts"] == "/known-hosts/known_hosts"


def test_a_password_takes_the_place_of_the_key() -> None:
    changes = {"secretKeys": {"privateKey": None, "password": "secret"}}
    assert settings(changes)["sftp"]["password_file"].endswith("/password")
    assert "key" not in settings(changes)["sftp"]
    (items,) = [v["secret"]["items"] for v in pod(changes)["volumes"] if v["name"] == "secrets"]
    assert items == [{"key": "secret", "path": "password"}]


# The pod.


def test_the_pod_is_restricted() -> None:
    for spec in (pod(), render({})["Pod"]["spec"]):
        assert spec["securityContext"] == RESTRICTED_POD
        assert [one["securityContext"] for one in spec["containers"]] == [RESTRICTED]
        assert spec["automountServiceAccountToken"] is False
        assert spec["enableServiceLinks"] is False
    assert render({})["ServiceAccount"]["automountServiceAccountToken"] is False


def test_there_is_never_more_than_one() -> None:
    spec = render({})["Deployment"]["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
    assert render({"replicaCount": 0})["Deployment"]["spec"]["replicas"] == 0


def test_secrets_are_whole_folders_for_the_group_alone() -> None:
    mounts = pod()["containers"][0]["volumeMounts"]
    assert not any("subPath" in mount for mount in mounts)
    (secret,) = [one["secret"] for one in pod()["volumes"] if one["name"] == "secrets"]
    assert secret["defaultMode"] == 0o440
    assert secret["secretName"] == "sisdrop-sftp"


def test_probes_ask_by_the_ports_name_and_mean_different_things() -> None:
    container = pod()["containers"][0]
    asked = {
        name: container[name]["httpGet"]
        for name in ("startupProbe", "livenessProbe", "readinessProbe")
    }
    assert {probe["port"] for probe in asked.values()} == {container["ports"][0]["name"]}
    assert [probe["path"] for probe in asked.values()] == ["/livez", "/livez", "/readyz"]


def test_a_changed_setting_starts_a_new_pod_and_changed_pins_do_not() -> None:
    def checksum(changes: Mapping[str, Any]) -> str:
        metadata = render(changes)["Deployment"]["spec"]["template"]["metadata"]
        return str(metadata["annotations"]["checksum/config"])

    assert checksum({"config": {"inbox": {"settle": "61s"}}}) != checksum({})
    assert checksum({"knownHosts": {"text": "sftp ssh-ed25519 BBBB"}}) == checksum({})


def test_the_archive_outlives_the_release() -> None:
    claim = render({})["PersistentVolumeClaim"]
    assert claim["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    taken_over = {"persistence": {"existingClaim": "old"}}
    assert "PersistentVolumeClaim" not in render(taken_over)
    assert {"name": "data", "persistentVolumeClaim": {"claimName": "old"}} in pod(taken_over)[
        "volumes"
    ]


@pytest.mark.parametrize(
    ("changes", "image"),
    [
        ({}, "sisdrop:0.1.0"),
        ({"image": {"tag": "1.2"}}, "sisdrop:1.2"),
        (
            {"image": {"repository": "x/y", "digest": f"sha256:{'0' * 64}"}},
            f"x/y@sha256:{'0' * 64}",
        ),
    ],
)
def test_the_image_is_named(changes: Mapping[str, Any], image: str) -> None:
    assert pod(changes)["containers"][0]["image"] == image


@pytest.mark.parametrize(
    ("value", "given", "at"),
    [
        ("nodeSelector", {"disk": "fast"}, "nodeSelector"),
        ("tolerations", [{"key": "x", "operator": "Exists"}], "tolerations"),
        ("affinity", {"podAffinity": {}}, "affinity"),
        ("topologySpreadConstraints", [{"maxSkew": 1}], "topologySpreadConstraints"),
        ("priorityClassName", "high", "priorityClassName"),
        ("hostAliases", [{"ip": "192.0.2.1", "hostnames": ["a"]}], "hostAliases"),
        ("imagePullSecrets", [{"name": "pull"}], "imagePullSecrets"),
        ("initContainers", [{"name": "before"}], "initContainers"),
        ("terminationGracePeriodSeconds", 60, "terminationGracePeriodSeconds"),
    ],
)
def test_the_pod_can_be_extended(value: str, given: Any, at: str) -> None:
    assert pod({value: given})[at] == given


def test_the_container_can_be_extended() -> None:
    changes: dict[str, Any] = {
        "extraEnv": [{"name": "SISDROP_LOG__LEVEL", "value": "debug"}],
        "extraEnvFrom": [{"configMapRef": {"name": "more"}}],
        "extraVolumes": [{"name": "rules", "configMap": {"name": "rules"}}],
        "extraVolumeMounts": [{"name": "rules", "mountPath": "/rules"}],
        "extraContainers": [{"name": "beside"}],
    }
    spec = pod(changes)
    container, beside = spec["containers"]
    assert container["env"] == changes["extraEnv"]
    assert container["envFrom"] == changes["extraEnvFrom"]
    assert changes["extraVolumeMounts"][0] in container["volumeMounts"]
    assert changes["extraVolumes"][0] in spec["volumes"]
    assert beside == {"name": "beside"}


# What stands beside it.


def test_labels_reach_everything_and_selectors_stay() -> None:
    found = render({"commonLabels": {"team": "library"}, "podLabels": {"tier": "batch"}})
    assert {
        one["metadata"]["labels"].get("team") for name, one in found.items() if name != "Pod"
    } == {"library"}
    spec = found["Deployment"]["spec"]
    assert spec["template"]["metadata"]["labels"]["tier"] == "batch"
    selector = {"app.kubernetes.io/name": "sisdrop", "app.kubernetes.io/instance": "sisdrop"}
    assert spec["selector"]["matchLabels"] == found["Service"]["spec"]["selector"] == selector
    assert not selector.items() <= found["Pod"]["metadata"]["labels"].items()


def test_the_policy_lets_out_what_is_needed_and_in_what_asks_for_metrics() -> None:
    changes = {
        "networkPolicy": {"enabled": True, "sftpCidrs": ["192.0.2.1/32"]},
        "config": {
            "sftp": {"port": 2222},
            "notify": {
                "smtp": "smtp.example.edu:587",
                "from": "a@example.edu",
                "to": ["b@example.edu"],
            },
        },
    }
    spec = render(changes)["NetworkPolicy"]["spec"]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert spec["ingress"][0]["ports"] == [{"port": "http", "protocol": "TCP"}]
    dns, sftp, smtp = spec["egress"]
    assert {port["port"] for port in dns["ports"]} == {53}
    assert sftp == {
        "to": [{"ipBlock": {"cidr": "192.0.2.1/32"}}],
        "ports": [{"port": 2222, "protocol": "TCP"}],
    }
    assert smtp == {"ports": [{"port": 587, "protocol": "TCP"}]}
    assert "NetworkPolicy" not in render({})


def test_the_budget_never_blocks_a_drain() -> None:
    budget = render({"podDisruptionBudget": {"enabled": True}})["PodDisruptionBudget"]
    assert budget["spec"]["maxUnavailable"] == 1
    assert "PodDisruptionBudget" not in render({})


@pytest.mark.parametrize(
    ("value", "kind", "endpoints"),
    [
        ("serviceMonitor", "ServiceMonitor", "endpoints"),
        ("podMonitor", "PodMonitor", "podMetricsEndpoints"),
    ],
)
def test_a_monitor_where_the_cluster_knows_it(value: str, kind: str, endpoints: str) -> None:
    def monitor(**how: Any) -> dict[str, Any]:
        return {"metrics": {value: {"enabled": True, "interval": "1m", **how}}}

    (endpoint,) = render(monitor())[kind]["spec"][endpoints]
    assert (endpoint["port"], endpoint["interval"], endpoint["honorLabels"]) == (
        "http",
        "1m",
        False,
    )
    assert kind not in render(monitor(), knows_monitoring=False)
    assert kind in render(monitor(renderMode="alwaysRender"), knows_monitoring=False)
    said = refused(monitor(renderMode="failIfMissing"), knows_monitoring=False)
    assert f"does not know {kind}" in said


def test_objects_of_ones_own_are_templates() -> None:
    mine = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "{{ .Release.Name }}-mine"}}
    assert render({"extraObjects": [mine]})["Secret"]["metadata"]["name"] == "sisdrop-mine"


def test_without_a_service_there_is_none_and_no_test() -> None:
    found = render({"service": {"enabled": False}})
    assert not {"Service", "Pod"} & found.keys()


# Names.


def test_a_suffix_survives_a_long_name() -> None:
    long = {"fullnameOverride": "a" * 60}
    names = [one["metadata"]["name"] for one in render(long).values()]
    assert max(map(len, names)) <= 63
    assert {name.rpartition("-")[2] for name in names if "-" in name} == {"data", "hosts", "test"}


@pytest.mark.parametrize(
    ("release", "name"),
    [("sisdrop", "sisdrop"), ("north", "north-sisdrop"), ("n" * 53, "n" * 53 + "-sisdrop")],
)
def test_names_come_from_the_release(release: str, name: str) -> None:
    assert render({}, release=release)["Deployment"]["metadata"]["name"] == name


# What is said.


def notes(changes: Mapping[str, Any]) -> str:
    """What Helm 4 shows after an install; Helm 3 would ask a cluster first."""
    helm = Helm("helm4")
    return helm.run(
        *("install", helm.release, str(CHART), "--dry-run=client", "--namespace=library"),
        values=merged(LEAST, changes),
    ).partition("NOTES:")[2]


def test_the_notes_fit_on_a_screen() -> None:
    said = notes({})
    assert "abcftp@files.carli.illinois.edu" in said
    assert "exec deploy/sisdrop -- sisdrop check" in said
    assert len(said.splitlines()) <= 24


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"config": {"mode": "rehearse"}}, "It rehearses"),
        ({"replicaCount": 0}, "It is stopped"),
        ({"metrics": {"podMonitor": {"enabled": True}}}, "does not know PodMonitor"),
        ({}, "stays when this release is uninstalled"),
        ({}, "Nobody scrapes the metrics yet"),
    ],
)
def test_the_notes_warn(changes: Mapping[str, Any], says: str) -> None:
    assert says in notes(changes)


# Values.


def test_every_value_is_documented() -> None:
    text = (CHART / "values.yaml").read_text()
    told = [value.path for value in read_values(text)]
    bare = [
        path
        for path in leaves(yaml.safe_load(text))
        if not any(path == known or path.startswith(f"{known}.") for known in told)
    ]
    assert bare == []


def test_every_value_is_used_and_every_used_value_is_there() -> None:
    templates = "".join(path.read_text() for path in (CHART / "templates").rglob("*.*"))
    defaults = yaml.safe_load((CHART / "values.yaml").read_text())
    used = set(re.findall(r"\.Values\.(\w+)", templates))
    assert used == defaults.keys()


def test_the_values_of_the_guide_are_taken_as_they_stand() -> None:
    guide = (ROOT / "docs" / "getting-started.md").read_text()
    blocks = re.findall(r"```yaml\n(.*?)```", guide, re.DOTALL)
    values, streams = map(yaml.safe_load, blocks)
    pins = {"knownHosts": {"text": "files.carli.illinois.edu ssh-ed25519 AAAA"}}
    whole = merged(merged(values, streams), pins)
    (config,) = [
        yaml.safe_load(one["data"]["config.yaml"])
        for one in objects(Helm().template(whole))
        if "config.yaml" in one.get("data", {})
    ]
    assert [stream["name"] for stream in config["streams"]] == ["students", "employees"]
    assert Settings.model_validate(config).mode == "rehearse"
