import asyncio
import html
import io
import logging
import os
import re
import signal
import socket
import sqlite3
import threading
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from starlette.applications import Starlette
from typing_extensions import override

from sisdrop import runbooks, words
from sisdrop.errors import NeedsOperator, Reason
from sisdrop.health import Check
from sisdrop.metrics import Metrics
from sisdrop.model import Comparison, FileStory, Pickup, State, StatusView
from sisdrop.web import Server, create_app
from support.asgi import ask
from support.views import HOSTILE, NOW, FakeSource, a_file, a_story, busy_view, quiet_view

CANARY = "Fakename-Zzyzx"
STORY = a_story().file.id
PAGES = ["/", f"/files/{STORY}"]
EVERY_PATH = [
    *PAGES,
    "/runbooks",
    "/runbooks/SisdropFileHeld",
    "/livez",
    "/readyz",
    "/healthz",
    "/metrics",
    "/api/status",
    "/api/files",
    f"/api/files/{STORY}",
]


def app_of(source: FakeSource | None = None) -> Starlette:
    return create_app(source or FakeSource(), Metrics(["students"], "0.1.0", "3.11.9"))


@pytest.mark.parametrize("path", EVERY_PATH)
async def test_every_path_answers(path: str) -> None:
    answer = await ask(app_of(), path)
    assert answer.status == 200


@pytest.mark.parametrize("path", [*EVERY_PATH, "/nothing", "/api/files?limit=0"])
async def test_every_answer_carries_the_security_headers(path: str) -> None:
    headers = (await ask(app_of(), path)).headers
    assert headers["content-security-policy"].startswith("default-src 'none'; ")
    assert "script" not in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-frame-options"] == "DENY"


@pytest.mark.parametrize("path", EVERY_PATH)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_nothing_can_be_changed(path: str, method: str) -> None:
    answer = await ask(app_of(), path, method)
    assert answer.status == 405
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD"}
    assert answer.json == {"error": "method not allowed"}
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["/nothing", "/livez/", "/docs", "/api", "/api/files/a/b"])
async def test_an_unknown_path_is_not_found(path: str) -> None:
    answer = await ask(app_of(), path)
    assert (answer.status, answer.json) == (404, {"error": "not found"})


@pytest.mark.parametrize("name", runbooks.names())
async def test_every_runbook_can_be_read_and_its_links_lead_somewhere(name: str) -> None:
    page = await ask(app_of(), f"/runbooks/{name}.md")
    assert page.status == 200
    assert page.text == (await ask(app_of(), f"/runbooks/{name}")).text
    assert f"<h1>{name}</h1>" in page.text
    assert "Is any file at risk?" in page.text
    for link in re.findall(r'href="([^"]+)"', page.text.partition("</nav>")[2]):
        assert (await ask(app_of(), f"/runbooks/{link}")).status == 200


@pytest.mark.parametrize(
    "name", ["SisdropNothing", "..%2f..%2fpyproject", "%2e%2e", "SisdropDown%00", "a" * 5000]
)
async def test_there_is_no_runbook_but_those(name: str) -> None:
    answer = await ask(app_of(), f"/runbooks/{name}")
    assert answer.status == 404
    assert "sisdrop validate" not in answer.text


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_leads_to_a_runbook(reason: Reason) -> None:
    assert words.RUNBOOKS[reason] in runbooks.names()


async def test_what_blocks_and_what_is_held_lead_to_their_runbooks() -> None:
    page = (await ask(app_of(FakeSource(busy_view())), "/")).text
    assert 'href="runbooks/SisdropNeedsOperator"' in page
    story = (await ask(app_of(), f"/files/{STORY}")).text
    assert 'href="../runbooks/SisdropFileHeld"' in story


async def test_a_fetched_file_says_what_alma_should_report() -> None:
    compared = Comparison("before", new=12, changed=340, unchanged=9000, absent=3)
    file = a_file(pickup=Pickup.PICKED_UP, comparison=compared, entry="students.20261123.xml")
    source = FakeSource(story=FileStory(file, ()))
    page = (await ask(app_of(source), f"/files/{file.id}")).text
    assert "about 12 created and 340 updated" in html.unescape(page)
    assert "students.20261123.xml" in page


async def test_livez_fails_only_when_the_loop_stands_still() -> None:
    assert (await ask(app_of(FakeSource(beat=180.0)), "/livez")).status == 200
    answer = await ask(app_of(FakeSource(beat=181.0)), "/livez")
    assert answer.status == 503
    assert answer.json["checks"]["loop"]["ok"] is False


async def test_livez_does_not_ask_whether_the_ledger_works() -> None:
    source = FakeSource(fails=sqlite3.OperationalError("disk I/O error"))
    assert (await ask(app_of(source), "/livez")).status == 200


async def test_readyz_names_the_check_that_fails() -> None:
    source = FakeSource()
    source.checks["lock"] = Check(ok=False, detail="another instance holds it")
    answer = await ask(app_of(source), "/readyz")
    assert answer.status == 503
    assert answer.json["checks"]["lock"] == {"ok": False, "detail": "another instance holds it"}
    assert set(answer.json["checks"]) == {"settings", "lock", "ledger", "data", "share"}


async def test_healthz_tells_both_and_fails_with_either() -> None:
    good = await ask(app_of(), "/healthz")
    assert (good.status, good.json["ok"]) == (200, True)
    assert good.json["livez"]["ok"] is good.json["readyz"]["ok"] is True
    dead = await ask(app_of(FakeSource(beat=999.0)), "/healthz")
    assert (dead.status, dead.json["ok"]) == (503, False)
    unready = FakeSource()
    unready.checks["share"] = Check(ok=False, detail="gone")
    assert (await ask(app_of(unready), "/healthz")).status == 503


async def test_metrics_are_served_as_prometheus_reads_them() -> None:
    answer = await ask(app_of(), "/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert "sisdrop_share_up 0.0\n" in answer.text


async def test_the_status_is_told_as_json() -> None:
    answer = await ask(app_of(FakeSource(busy_view())), "/api/status")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json["blocked"][0]["reason"] == "auth"
    assert {"id", "file", "stream", "state", "reason", "since"} <= set(answer.json["files"][0])


async def test_files_can_be_asked_for_by_state_and_number() -> None:
    source = FakeSource(busy_view())
    answer = await ask(app_of(source), "/api/files?state=held&limit=1")
    assert [file["state"] for file in answer.json["files"]] == ["held"]
    await ask(app_of(source), "/api/files")
    assert source.asked == [(State.HELD, 1), (None, 100)]


@pytest.mark.parametrize(
    ("query", "error", "allowed"),
    [
        ("state=lost", "bad query: state", [*State]),
        ("state=", "bad query: state", [*State]),
        ("limit=0", "bad query: limit", ["1 to 1000"]),
        ("limit=1001", "bad query: limit", ["1 to 1000"]),
        ("limit=-1", "bad query: limit", ["1 to 1000"]),
        ("limit=ten", "bad query: limit", ["1 to 1000"]),
        ("limit=%D9%A3", "bad query: limit", ["1 to 1000"]),
        ("limit=99999999999999999999", "bad query: limit", ["1 to 1000"]),
        (f"{CANARY}=1", "bad query: unknown parameter", ["state", "limit"]),
    ],
)
async def test_a_bad_query_is_answered_with_what_is_allowed(
    query: str, error: str, allowed: list[str]
) -> None:
    answer = await ask(app_of(), f"/api/files?{query}")
    assert (answer.status, answer.json) == (400, {"error": error, "allowed": allowed})


async def test_one_file_is_told_with_its_events_and_without_peoples_notes() -> None:
    answer = await ask(app_of(), f"/api/files/{STORY}")
    assert [event["to"] for event in answer.json["events"]][:3] == ["claimed", "refined", "held"]
    page = await ask(app_of(), f"/files/{STORY}")
    assert "Fakename" not in answer.text + page.text


@pytest.mark.parametrize("file_id", ["20261123T000000Z-none", "%2e%2e", "a'b", "x" * 65, "é"])
async def test_an_unknown_file_is_not_found(file_id: str) -> None:
    api = await ask(app_of(), f"/api/files/{file_id}")
    assert (api.status, api.json) == (404, {"error": "not found"})
    page = await ask(app_of(), f"/files/{file_id}")
    assert page.status == 404
    assert "No file has this id" in page.text
    assert file_id not in page.text


FAILING = ["/", "/readyz", "/healthz", "/api/status", "/api/files", f"/api/files/{STORY}"]


@pytest.mark.parametrize("path", FAILING)
async def test_a_failure_is_answered_without_its_words_and_handed_on_to_be_logged(
    path: str,
) -> None:
    error = ValueError(CANARY)
    answer = await ask(app_of(FakeSource(fails=error)), path)
    assert (answer.status, answer.json) == (500, {"error": "internal error"})
    assert answer.raised is error
    assert answer.headers["cache-control"] == "no-store"


async def test_a_ledger_that_cannot_be_used_is_unavailable_with_its_reason() -> None:
    error = NeedsOperator(Reason.LEDGER_UNUSABLE, CANARY)
    answer = await ask(app_of(FakeSource(fails=error)), "/")
    assert (answer.status, answer.json) == (
        503,
        {"error": "unavailable", "reason": "ledger_unusable"},
    )


async def test_the_disk_is_not_waited_for_on_the_loop() -> None:
    threads: list[threading.Thread] = []
    source = FakeSource(on_status=lambda: threads.append(threading.current_thread()))
    await ask(app_of(source), "/")
    await ask(app_of(source), "/api/status")
    assert len(threads) == 2
    assert threading.main_thread() not in threads


class _Outline(HTMLParser):
    """The elements of a page, each open one closed in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)
        self.close()

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in {"meta", "br", "link"}:
            self.open.append(tag)

    @override
    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of every such element."""
        return [attributes for name, attributes in self.seen if name == tag]


VIEWS = {
    "quiet": quiet_view(),
    "busy": busy_view(),
    "new": StatusView("0.1.0", NOW, "rehearse", None, share_up=True),
    "gone": replace(quiet_view(), share_up=False, days=()),
}


@pytest.mark.parametrize("name", VIEWS)
async def test_the_page_is_sound_for_keyboards_readers_and_phones(name: str) -> None:
    outline = _Outline((await ask(app_of(FakeSource(VIEWS[name])), "/")).text)
    assert outline.open == []
    assert outline.all("html")[0]["lang"] == "en"
    assert len(outline.all("h1")) == len(outline.all("main")) == 1
    assert any(meta.get("name") == "viewport" for meta in outline.all("meta"))
    assert outline.all("script") == outline.all("img") == outline.all("form") == []
    assert len(outline.all("caption")) == len(outline.all("table"))
    assert all(cell.get("scope") in {"row", "col"} for cell in outline.all("th"))
    assert all(drawing["aria-hidden"] == "true" for drawing in outline.all("svg"))
    assert not any("style" in attributes for _, attributes in outline.seen)


async def test_the_page_says_first_what_matters_most() -> None:
    text = (await ask(app_of(FakeSource(busy_view())), "/")).text
    stopped = text.index('<p class="word bad">Delivery has stopped: the server refuses the login.')
    assert stopped < text.index("1 file needs a decision.") < text.index("What is wrong")
    assert "Ask the server&#39;s owner whether our public key is still accepted" in text
    assert "3.1 % have one now" in text
    assert "It is still being written." in text
    assert '<strong class="word warn">Late.</strong> No file since Sat 14 Nov 19:03 UTC' in text
    assert "ask the SIS office whether the export ran." in text
    assert f'<a href="files/{STORY}">' in text


async def test_the_chart_has_a_mark_per_day_and_its_words_beside_it() -> None:
    view = quiet_view()
    text = (await ask(app_of(FakeSource(view)), "/")).text
    busy_days = [day for day in view.days if day.records]
    assert text.count(" records</title></rect>") == len(busy_days)
    assert "records delivered. Files: " in text
    assert f'<td class="count">{busy_days[0].records:,}</td>' in text


async def test_a_hostile_name_stays_text_and_short() -> None:
    for path in ("/", f"/files/{STORY}"):
        text = (await ask(app_of(FakeSource(busy_view())), path)).text
        assert "<script" not in text
        assert "\u202e" not in text
        assert "very-long-" * 8 not in text
    files = (await ask(app_of(FakeSource(busy_view())), "/api/status")).json["files"]
    assert HOSTILE in [file["file"] for file in files]


async def test_a_story_tells_what_happened_and_what_to_do() -> None:
    text = (await ask(app_of(), f"/files/{STORY}")).text
    assert "Waiting for a decision" in text
    assert "move the file from the folder held into the folder approved" in text
    assert text.index("Being checked") < text.index("by operator")


async def _get(port: int, path: str) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


async def test_the_server_answers_on_the_port_it_names_until_it_is_stopped() -> None:
    server = Server(app_of())
    await server.start("127.0.0.1", 0)
    answer = await _get(server.port, "/livez")
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"server: " not in answer.lower()
    await server.stop()
    await server.stop()
    with pytest.raises(ConnectionRefusedError):
        await _get(server.port, "/livez")


async def test_a_port_that_is_taken_is_a_failure_to_start() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server = Server(app_of())
        with pytest.raises(OSError, match="Address already in use"):
            await server.start("127.0.0.1", taken.getsockname()[1])
        await server.stop()


async def test_the_server_leaves_signals_to_us() -> None:
    caught = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, caught.set)
    server = Server(app_of())
    await server.start("127.0.0.1", 0)
    os.kill(os.getpid(), signal.SIGTERM)
    await caught.wait()
    assert (await _get(server.port, "/livez")).startswith(b"HTTP/1.1 200")
    await server.stop()
    asyncio.get_running_loop().remove_signal_handler(signal.SIGTERM)


async def test_what_was_asked_and_failed_is_reported_to_the_library_log_only() -> None:
    told = io.StringIO()
    handler = logging.StreamHandler(told)
    logging.getLogger("uvicorn").addHandler(handler)
    server = Server(app_of(FakeSource(fails=ValueError("boom"))))
    await server.start("127.0.0.1", 0)
    answer = await _get(server.port, f"/api/files/{CANARY}-1")
    await server.stop()
    logging.getLogger("uvicorn").removeHandler(handler)
    assert b"internal error" in answer
    assert b"boom" not in answer
    assert "Exception in ASGI application" in told.getvalue()
    assert CANARY not in told.getvalue()
