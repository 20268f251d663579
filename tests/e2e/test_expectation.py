"""No silence: a file that does not come is told everywhere, and so is its coming after all."""

import json
import time

from support.service import Service
from support.xml import patrons, user, users

_EXPECT = {"every": "3s", "unchanged_for": "1s"}
_PEOPLE = users(*[user(person) for person in patrons(60)])


def _expected_at(service: Service) -> float:
    return service.metric('next_expected_timestamp_seconds{stream="patrons"}')


def _told(service: Service) -> list[str]:
    return [line["event"] for line in service.log() if line["event"].startswith("stream.")]


def test_a_file_that_does_not_come_is_missed_across_a_restart(service: Service) -> None:
    service.configure({"expect": _EXPECT, "timezone": "America/Chicago"})
    service.start()
    service.wait_for(lambda: _expected_at(service) > 0, "the first look")
    expected = _expected_at(service)
    assert service.stop() == 0
    service.wait_for(lambda: time.time() > expected, "the time is over")
    service.start()
    service.wait_for(lambda: _told(service), "it is told")
    assert _told(service) == ["stream.overdue"]
    assert _expected_at(service) == expected

    status = service.inbox / "STATUS.html"
    service.wait_for(lambda: "No file has come yet" in status.read_text(), "the share says it")
    assert "an expected file has not come" in status.read_text()
    assert "ask the SIS office whether the export ran" in service.get("/").decode()
    (stream,) = json.loads(service.get("/api/status"))["streams"]
    assert stream["last_came"] is None
    assert stream["expectation"] in service.command("status").stdout
    assert stream["expectation"].endswith("ask the SIS office whether the export ran.")

    service.drop("students.xml", _PEOPLE)
    service.wait_for_states("archived")
    assert _told(service)[:2] == ["stream.overdue", "stream.resumed"]
    assert _expected_at(service) > expected
    (stream,) = json.loads(service.command("status", "--json").stdout)["streams"]
    assert stream["last_came"] is not None

    service.drop("students.xml", _PEOPLE)
    service.wait_for_states("archived", "duplicate")
    service.wait_for(lambda: "stream.unchanged" in _told(service), "that nothing changes is told")
    assert service.metric('content_unchanged{stream="patrons"}') == 1
