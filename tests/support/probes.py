"""Asks a pod's probes when they are due, and tells what their answers amount to."""

import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from support.podspec import ProbeSpec


class Unhealthy(Exception):
    """A kubelet would end the container now, and start it again."""


@dataclass
class _Probe:
    spec: ProbeSpec
    due: float
    failed: int = 0
    passed: bool = False

    def tell(self, now: float, *, good: bool) -> None:
        self.due = now + self.spec.period
        self.failed = 0 if good else self.failed + 1
        self.passed = good or (self.passed and self.failed < self.spec.failures)

    def is_hopeless(self) -> bool:
        return self.failed >= self.spec.failures


class Probes:
    """The three probes of a container that started at `now`; `ask` tells whether one succeeds."""

    def __init__(
        self, specs: Mapping[str, ProbeSpec], ask: Callable[[ProbeSpec], bool], now: float
    ) -> None:
        probes = {name: _Probe(spec, now + spec.delay) for name, spec in specs.items()}
        self._startup = probes["startupProbe"]
        self._liveness = probes["livenessProbe"]
        self._readiness = probes["readinessProbe"]
        self._ask = ask

    @property
    def ready(self) -> bool:
        """Whether the pod would get requests now."""
        return self._readiness.passed

    @property
    def unready(self) -> bool:
        """Whether it was asked, and would get none."""
        return self._readiness.failed > 0 and not self.ready

    def look(self, now: float) -> None:
        """Ask what is due.

        Raises:
            Unhealthy: if a probe has failed too often.
        """
        if self._startup.passed:
            self._try(self._liveness, now)
            self._try(self._readiness, now)
        else:
            self._try(self._startup, now)
        for probe in (self._startup, self._liveness):
            if probe.is_hopeless():
                raise Unhealthy(f"{probe.spec.path} failed {probe.failed} times")

    def _try(self, probe: _Probe, now: float) -> None:
        if now >= probe.due:
            probe.tell(now, good=self._ask(probe.spec))


def ask_over_http(address: str, spec: ProbeSpec) -> bool:
    """Whether the pod at this address answers well, and in time."""
    url = f"http://{address}:{spec.port}{spec.path}"
    try:
        with urllib.request.urlopen(url, timeout=spec.timeout):
            return True
    except OSError:
        return False
