"""Write what is made from the chart: schema, README, and what it renders to.

A test compares what is committed with what this would write.
"""

import json
from pathlib import Path

import yaml

from helm.readme import readme
from helm.render import CHART, ROOT, Helm, examples, objects
from helm.schema import values_schema
from helm.values import read_values
from sisdrop.settings import Settings

MANIFESTS = ROOT / "deploy" / "manifests"
RULES = ROOT / "deploy" / "prometheus" / "rules.yaml"
_HEAD = """\
# Made from the Helm chart by `make chart`, for those who have no Helm. Change what is in capitals,
# make the Secret (see docs/getting-started.md), then: kubectl apply --namespace library -f THIS
"""
_RULES_HEAD = """\
# Made from the Helm chart by `make chart`, for those who have no Helm or no Prometheus operator:
# name it under rule_files, and name the scrape job sisdrop. Commands in the texts are meant for a
# release called sisdrop in the namespace library, and so are the addresses of the runbooks.
"""
# What everybody has to change.
_PLAIN = {
    "image": {"repository": "REGISTRY/sisdrop"},
    "config": {
        "sftp": {
            "host": "files.carli.illinois.edu",
            "username": "XXXftp",
            "directory": "~/upload/ALMA/SIS",
        }
    },
    "existingSecret": "sisdrop-sftp",
    "knownHosts": {"text": "files.carli.illinois.edu ssh-ed25519 HOST-KEY"},
    "inbox": {"existingClaim": "PATRON-SHARE"},
}


def before_rendering() -> dict[Path, str]:
    """What Helm itself reads, or people do: texts by path."""
    text = (CHART / "values.yaml").read_text()
    told = read_values(text)
    schema = values_schema(yaml.safe_load(text), told, Settings.model_json_schema())
    return {
        CHART / "values.schema.json": json.dumps(schema, indent=2) + "\n",
        CHART / "README.md": readme(told),
    }


def rendered() -> dict[Path, str]:
    """What the chart renders to: texts by path."""
    helm = Helm()
    golden = {
        CHART / "golden" / f"{name}.yaml": helm.template(values)
        for name, values in examples().items()
    }
    plain = helm.template(_PLAIN, "--skip-tests")
    return {**golden, MANIFESTS / "sisdrop.yaml": _HEAD + plain, RULES: _RULES_HEAD + _rules(helm)}


def _rules(helm: Helm) -> str:
    """The alerts as Prometheus itself reads them."""
    wanted = {"enabled": True, "selector": 'job="sisdrop"'}
    values = {**_PLAIN, "metrics": {"prometheusRule": wanted}}
    (rule,) = objects(helm.template(values, "--show-only=templates/prometheusrule.yaml"))
    return yaml.safe_dump(rule["spec"], sort_keys=False, width=100)


def main() -> None:
    """Write it all."""
    for make in (before_rendering, rendered):
        for path, text in make().items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)


if __name__ == "__main__":
    main()
