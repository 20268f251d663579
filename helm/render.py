"""Render the chart with a real Helm."""

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
CHART = ROOT / "helm" / "sisdrop"
# Where the Makefile puts them.
TOOLS = ROOT / ".venv" / "helm"
HELMS = ("helm3", "helm4")
RELEASE, NAMESPACE = "sisdrop", "library"
_MONITORING = ("ServiceMonitor", "PodMonitor", "PrometheusRule")


class ChartRefused(Exception):
    """Helm would not take the values; its text says why."""


@dataclass(frozen=True)
class Helm:
    """One Helm. `knows_monitoring` says that the cluster has the Prometheus operator's kinds."""

    program: str = HELMS[0]
    release: str = RELEASE
    namespace: str = NAMESPACE
    knows_monitoring: bool = True
    options: Sequence[str] = field(default=())

    def template(self, values: Mapping[str, Any], *options: str) -> str:
        """What the chart gives with these values.

        Raises:
            ChartRefused: with what Helm said.
        """
        kinds = [f"--api-versions=monitoring.coreos.com/v1/{kind}" for kind in _MONITORING]
        return self.run(
            *("template", self.release, str(CHART), f"--namespace={self.namespace}"),
            *(kinds if self.knows_monitoring else ()),
            *self.options,
            *options,
            values=values,
        )

    def run(self, *arguments: str, values: Mapping[str, Any] | None = None) -> str:
        """Run a command; `values` are handed to it as a file of values.

        Raises:
            ChartRefused: with what it said, when it fails.
        """
        given = () if values is None else ("--values=-",)
        done = subprocess.run(
            [TOOLS / self.program, *arguments, *given],
            input=yaml.safe_dump(dict(values or {})),
            capture_output=True,
            text=True,
            check=False,
            env={"HOME": "/nonexistent", "PATH": "/usr/bin:/bin"},
        )
        if done.returncode:
            raise ChartRefused(done.stdout + done.stderr)
        return done.stdout


def objects(rendered: str) -> Iterator[dict[str, Any]]:
    """The objects in what was rendered."""
    return (one for one in yaml.safe_load_all(rendered) if one)


def examples() -> dict[str, Mapping[str, Any]]:
    """The values of each supported way of installing, by name."""
    files = sorted((CHART / "ci").glob("*-values.yaml"))
    return {
        path.name.removesuffix("-values.yaml"): yaml.safe_load(path.read_text()) for path in files
    }
