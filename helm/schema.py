"""The JSON Schema of the values: the settings' own, and what the defaults and comments say. Pure.

Helm checks values against it before anything is rendered, so a typo fails. What has no default may
be missing here: the chart itself then says what to do (templates/guards.yaml).
"""

import copy
from collections.abc import Mapping
from typing import Any

from helm.values import Value

# Settings that the chart decides; they cannot be given in `config`.
SET_BY_CHART = (
    "inbox.path",
    "data",
    "sftp.key",
    "sftp.passphrase_file",
    "sftp.password_file",
    "sftp.known_hosts",
    "notify.password_file",
    "http",
)
# Settings that the chart asks for itself, in a sentence.
_ASKED_FOR = ("host", "username", "directory")
_RENDER_MODE = {"enum": ["skipIfMissing", "failIfMissing", "alwaysRender"]}
# What the default does not tell. What Kubernetes itself defines is left to it.
_ANY_OBJECT: dict[str, Any] = {"type": "object"}
# Whole numbers of one unit: what both Prometheus and the chart read.
_THRESHOLDS = "metrics.prometheusRule.thresholds."
_DURATION = {"type": "string", "pattern": "^[0-9]+[smhd]$"}
_SPECIAL: dict[str, dict[str, Any]] = {
    "image.pullPolicy": {"enum": ["Always", "IfNotPresent", "Never"]},
    "image.digest": {"type": ["string", "null"], "pattern": "^sha256:[0-9a-f]{64}$"},
    "replicaCount": {"type": "integer", "minimum": 0, "maximum": 1},
    "terminationGracePeriodSeconds": {"type": "integer", "minimum": 30},
    "service.port": {"type": "integer", "minimum": 1, "maximum": 65535},
    "podDisruptionBudget.maxUnavailable": {"type": ["integer", "string"]},
    "metrics.serviceMonitor.renderMode": _RENDER_MODE,
    "metrics.podMonitor.renderMode": _RENDER_MODE,
    "metrics.prometheusRule.renderMode": _RENDER_MODE,
    **dict.fromkeys(
        (
            "resources",
            "podSecurityContext",
            "securityContext",
            "probes.startup",
            "probes.liveness",
            "probes.readiness",
            "metrics.dashboard.labels",
        ),
        _ANY_OBJECT,
    ),
}
_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array"}


def values_schema(defaults: Mapping[str, Any], told: list[Value], settings: Any) -> dict[str, Any]:
    """The schema of the values whose defaults these are; `settings` is the settings' own schema."""
    said = {value.path: value.said for value in told}
    schema = _object(defaults, "", said)
    # Helm hands it to every chart.
    schema["properties"]["global"] = _ANY_OBJECT
    alerts = schema["properties"]["metrics"]["properties"]["prometheusRule"]["properties"]
    alerts["excludeRules"]["items"] = {"enum": [*alerts["thresholds"]["properties"]]}
    config, definitions = _config(settings)
    schema["properties"]["config"] = config
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "definitions": definitions,
    } | schema


def _object(tree: Mapping[str, Any], path: str, said: Mapping[str, str]) -> dict[str, Any]:
    properties = {}
    for key, value in tree.items():
        at = f"{path}.{key}" if path else key
        properties[key] = _value(value, at, said)
        if at in said:
            properties[key] = {"description": said[at]} | properties[key]
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _value(value: Any, path: str, said: Mapping[str, str]) -> dict[str, Any]:
    if path in _SPECIAL:
        return dict(_SPECIAL[path])
    if isinstance(value, dict):
        return _object(value, path, said) if value else dict(_ANY_OBJECT)
    if path.startswith(_THRESHOLDS) and isinstance(value, str):
        return dict(_DURATION)
    if value is None:
        return {"type": ["string", "null"]}
    return {"type": _TYPES[type(value)]}


def _config(settings: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The settings' schema without what the chart decides, and nothing required."""
    whole = copy.deepcopy(settings)
    definitions = whole.pop("$defs")
    whole.pop("$schema", None)
    for path in SET_BY_CHART:
        *above, key = path.split(".")
        _section(whole, definitions, above)["properties"].pop(key)
    for section in (whole, *definitions.values()):
        section["required"] = [k for k in section.get("required", ()) if k in section["properties"]]
    whole["required"] = ["sftp"]
    sftp = _section(whole, definitions, ["sftp"])
    sftp["required"] = []
    for key in _ASKED_FOR:
        sftp["properties"][key] = {"anyOf": [sftp["properties"][key], {"type": "null"}]}
    return _moved(whole), _moved(definitions)


def _section(whole: Any, definitions: Any, path: list[str]) -> Any:
    """The schema of a section of the settings, by its path."""
    section = whole
    for key in path:
        section = section["properties"][key]
        reference = section.get("$ref") or next(
            (one["$ref"] for one in section.get("anyOf", ()) if "$ref" in one), None
        )
        if reference:
            section = definitions[reference.rpartition("/")[2]]
    return section


def _moved(schema: Any) -> Any:
    """The same with its definitions where older Helms look for them."""
    if isinstance(schema, dict):
        return {key: _moved_key(key, value) for key, value in schema.items()}
    return [_moved(one) for one in schema] if isinstance(schema, list) else schema


def _moved_key(key: str, value: Any) -> Any:
    if key == "$ref":
        return value.replace("#/$defs/", "#/definitions/")
    if key == "enum" and 0 in value:
        # Helm 3.19 takes the text "0" for the number and refuses a list with both.
        return [one for one in value if one != "0"]
    return _moved(value)
