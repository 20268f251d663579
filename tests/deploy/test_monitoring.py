"""No silence, end to end: service, Prometheus with the chart's rules, Alertmanager, a person."""

from collections.abc import Iterator
from typing import Any

import pytest
from helm.render import NAMESPACE, RELEASE, Helm, examples, objects

from support.monitoring import Monitoring, running_monitoring
from support.service import Service, installation
from support.sshd import running_sshd
from support.xml import patrons, user, users

# The times of a test: Prometheus looks once a second.
THRESHOLDS = {
    "SisdropDown": {"for": "1s"},
    "SisdropFileOverdue": {"for": "1s"},
    "SisdropFileRejected": {"window": "8s"},
    "SisdropDeliveryFailing": {"window": "8s", "for": "1s"},
}


def rules() -> dict[str, Any]:
    """The chart's rules with short times."""
    rule = {"enabled": True, "thresholds": THRESHOLDS}
    values = {**examples()["claim"], "metrics": {"prometheusRule": rule}}
    (found,) = objects(Helm().template(values, "--show-only=templates/prometheusrule.yaml"))
    return dict(found["spec"])


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    base = tmp_path_factory.mktemp("service")
    with running_sshd() as sshd, installation(base, sshd, expect={"every": "8s"}) as service:
        service.start()
        yield service


@pytest.fixture(scope="module")
def monitoring(tmp_path_factory: pytest.TempPathFactory, service: Service) -> Iterator[Monitoring]:
    base = tmp_path_factory.mktemp("monitoring")
    labels = {"namespace": NAMESPACE, "job": RELEASE}
    target = service.url.removeprefix("http://")
    with running_monitoring(base, target, rules(), labels) as monitoring:
        yield monitoring


def people(count: int) -> str:
    """A file of so many patrons."""
    return users(*[user(person) for person in patrons(count)])


class Alert:
    """One alert, and waiting for what becomes of it."""

    def __init__(self, name: str, service: Service, monitoring: Monitoring) -> None:
        self._name = name
        self._service = service
        self._monitoring = monitoring

    def fires(self) -> dict[str, Any]:
        """Wait until Alertmanager has it, and the receiver was told; what it was told."""
        self._service.wait_for(lambda: self._monitoring.is_active(self._name), self._name)
        self._service.wait_for(lambda: self._told("firing"), f"{self._name} is told")
        return self._told("firing")[-1]

    def resolves(self) -> None:
        """Wait until Alertmanager has let it go, and the receiver was told."""
        self._service.wait_for(lambda: not self._monitoring.is_active(self._name), self._name)
        self._service.wait_for(lambda: self._told("resolved"), f"the end of {self._name} is told")

    def _told(self, status: str) -> list[dict[str, Any]]:
        return self._monitoring.heard(self._name, status)


def test_a_missed_schedule_is_told_until_a_file_comes(
    service: Service, monitoring: Monitoring
) -> None:
    alert = Alert("SisdropFileOverdue", service, monitoring)
    told = alert.fires()
    assert told["labels"] == {
        "alertname": "SisdropFileOverdue",
        "namespace": "library",
        "job": "sisdrop",
        "stream": "patrons",
        "severity": "warning",
    }
    assert "A file of the stream patrons should have come" in told["annotations"]["description"]
    assert told["annotations"]["runbook_url"].endswith("/runbooks/SisdropFileOverdue")
    service.drop("students.xml", people(60))
    alert.resolves()


def test_a_rejected_file_is_told_for_a_while(service: Service, monitoring: Monitoring) -> None:
    alert = Alert("SisdropFileRejected", service, monitoring)
    assert not monitoring.is_active("SisdropFileRejected")
    service.drop("broken.xml", "<users><user></users>")
    told = alert.fires()
    assert told["labels"]["reason"] == "xml_not_well_formed"
    assert "xml_not_well_formed: 1." in told["annotations"]["description"]
    alert.resolves()


def test_a_stopped_server_is_told_until_a_file_goes_out(
    service: Service, monitoring: Monitoring
) -> None:
    alert = Alert("SisdropDeliveryFailing", service, monitoring)
    assert not monitoring.is_active("SisdropDeliveryFailing")
    service.sshd.stop()
    service.drop("students.xml", people(61))
    assert "none succeeded" in alert.fires()["annotations"]["description"]
    service.sshd.start()
    alert.resolves()


def test_a_stopped_service_is_told_until_it_runs(service: Service, monitoring: Monitoring) -> None:
    alert = Alert("SisdropDown", service, monitoring)
    assert not monitoring.is_active("SisdropDown")
    service.stop()
    assert alert.fires()["labels"]["severity"] == "critical"
    service.start()
    alert.resolves()
