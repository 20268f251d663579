"""A real Prometheus and a real Alertmanager on loopback, and somebody who hears the alerts.

Needs the Debian packages prometheus and prometheus-alertmanager. They keep everything below one
folder, and are ended by their own process ids.
"""

import http.server
import json
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from typing_extensions import override

from support.sshd import free_port, wait_until

_PROMETHEUS = "/usr/bin/prometheus"
_ALERTMANAGER = "/usr/bin/prometheus-alertmanager"
# The shortest that Prometheus is made for.
_EVERY = "1s"


class Receiver(http.server.ThreadingHTTPServer):
    """Takes what Alertmanager tells, one alert at a time."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.heard: list[dict[str, Any]] = []

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}/"


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert isinstance(self.server, Receiver)
        self.server.heard += told["alerts"]
        self.send_response(http.HTTPStatus.OK)
        self.end_headers()

    @override
    def log_message(self, format: str, *args: object) -> None:
        """The test has no use for it."""


class Monitoring:
    """What a running pair knows; made by `running_monitoring`."""

    def __init__(self, alertmanager: str, receiver: Receiver) -> None:
        self._alertmanager = alertmanager
        self._receiver = receiver

    def heard(self, alert: str, status: str) -> list[dict[str, Any]]:
        """What the receiver was told of an alert, `firing` or `resolved`."""
        return [
            one
            for one in list(self._receiver.heard)
            if one["labels"]["alertname"] == alert and one["status"] == status
        ]

    def is_active(self, alert: str) -> bool:
        """Whether Alertmanager holds the alert now."""
        known = json.loads(_get(f"{self._alertmanager}/api/v2/alerts"))
        return any(one["labels"]["alertname"] == alert for one in known)


@contextmanager
def running_monitoring(
    base: Path, target: str, rules: dict[str, Any], labels: dict[str, str]
) -> Iterator[Monitoring]:
    """Scrape `target` (host and port) under these labels, `job` among them, and judge by rules."""
    prometheus, alertmanager = free_port(), free_port()
    with ExitStack() as stack:
        receiver = stack.enter_context(Receiver())
        threading.Thread(target=receiver.serve_forever, daemon=True).start()
        stack.callback(receiver.shutdown)
        route = {"receiver": "test", "group_by": ["alertname"], "group_wait": _EVERY,
                 "group_interval": _EVERY, "repeat_interval": "1h"}  # fmt: skip
        hook = {"name": "test", "webhook_configs": [{"url": receiver.url}]}
        _write(base / "alertmanager.yml", {"route": route, "receivers": [hook]})
        _write(base / "rules.yml", rules)
        _write(
            base / "prometheus.yml",
            {
                "global": {"scrape_interval": _EVERY, "evaluation_interval": _EVERY},
                "rule_files": [str(base / "rules.yml")],
                "alerting": {
                    "alertmanagers": [
                        {"static_configs": [{"targets": [f"127.0.0.1:{alertmanager}"]}]}
                    ]
                },
                "scrape_configs": [
                    {
                        "job_name": labels["job"],
                        "static_configs": [{"targets": [target], "labels": labels}],
                    }
                ],
            },
        )
        stack.enter_context(
            _running(
                base / "alertmanager.log",
                _ALERTMANAGER,
                f"--config.file={base}/alertmanager.yml",
                f"--storage.path={base}/alertmanager",
                f"--web.listen-address=127.0.0.1:{alertmanager}",
                "--cluster.listen-address=",
            )
        )
        stack.enter_context(
            _running(
                base / "prometheus.log",
                _PROMETHEUS,
                f"--config.file={base}/prometheus.yml",
                f"--storage.tsdb.path={base}/prometheus",
                f"--web.listen-address=127.0.0.1:{prometheus}",
            )
        )
        for port in (alertmanager, prometheus):
            wait_until(partial(_is_ready, port), "Prometheus and Alertmanager are ready")
        yield Monitoring(f"http://127.0.0.1:{alertmanager}", receiver)


def _write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(yaml.safe_dump(content))


@contextmanager
def _running(log: Path, *command: str) -> Iterator[None]:
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def _is_ready(port: int) -> bool:
    with suppress(OSError):
        return bool(_get(f"http://127.0.0.1:{port}/-/ready"))
    return False


def _get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - loopback
        body: bytes = answer.read()
        return body
