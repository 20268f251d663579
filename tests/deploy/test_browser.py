"""The pages in a real Chromium: sound for readers, keyboards and phones, in light and dark."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from sisdrop.metrics import Metrics
from sisdrop.offline import Validator
from sisdrop.report import report_html
from sisdrop.share_pages import status_html
from sisdrop.web import Server, create_app
from support import reports
from support.views import FakeSource, a_story, busy_view, quiet_view
from support.xml import patrons, user, users

_CHROMIUM = "/usr/bin/chromium"
_QUIET = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
_AT = datetime(2026, 11, 23, 19, 3, 1, tzinfo=UTC)
WIDTHS, SCHEMES = (360, 1280), ("light", "dark")


@contextmanager
def serving(source: FakeSource) -> Iterator[str]:
    """Our own server in a thread; where it answers."""
    started = threading.Event()
    end: list[Callable[[], object]] = []
    where: list[str] = []

    async def serve() -> None:
        server, stop = Server(create_app(source, Metrics(["students"], "0", "3"))), asyncio.Event()
        await server.start("127.0.0.1", 0)
        loop = asyncio.get_running_loop()
        end.append(lambda: loop.call_soon_threadsafe(stop.set))
        where.append(f"http://127.0.0.1:{server.port}")
        started.set()
        await stop.wait()
        await server.stop()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert started.wait(10)
    try:
        yield where[0]
    finally:
        end[0]()
        thread.join()


@dataclass(frozen=True)
class Shown:
    """A page: what it is called, and where it is."""

    name: str
    url: str


def _files(folder: Path) -> Iterator[Shown]:
    """The pages that lie on the share."""
    bad = users(*[user(person) for person in patrons(40)]).replace("2030-05-31", "05/31/2030", 5)
    dropped = folder / "students.xml"
    dropped.write_text(bad)
    pages = {
        "report with faults": report_html(Validator((), None).validate(dropped, _AT)),
        "report of a held file": report_html(reports.held()),
        "STATUS busy": status_html(busy_view()),
        "STATUS quiet": status_html(quiet_view()),
    }
    for name, html in pages.items():
        path = folder / f"{name}.html"
        path.write_text(html, "utf-8")
        yield Shown(name, path.as_uri())


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Shown]]:
    busy, quiet = FakeSource(busy_view()), FakeSource(quiet_view())
    empty = FakeSource(replace(quiet_view(), recent=(), streams=(), days=(), last_scan=None))
    with serving(busy) as there, serving(quiet) as calm, serving(empty) as new:
        story = a_story().file.id
        yield [
            Shown("busy", f"{there}/?still"),
            Shown("quiet", f"{calm}/?still"),
            Shown("empty", f"{new}/?still"),
            Shown("file", f"{there}/files/{story}"),
            Shown("no such file", f"{there}/files/nothing"),
            Shown("runbooks", f"{there}/runbooks"),
            Shown("runbook", f"{there}/runbooks/SisdropNeedsOperator"),
            *_files(tmp_path_factory.mktemp("share")),
        ]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_CHROMIUM, args=_QUIET)
        yield browser
        browser.close()


@contextmanager
def opened(browser: Browser, shown: Shown, width: int = 1280, **how: Any) -> Iterator[Page]:
    """A page in a window of its own; what it complains of fails the test."""
    context = browser.new_context(viewport={"width": width, "height": 800}, **how)
    complaints: list[str] = []
    try:
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("requestfailed", lambda request: complaints.append(request.url))
        page.goto(shown.url)
        yield page
    finally:
        context.close()
    assert complaints == []


@pytest.mark.parametrize(("width", "scheme"), list(product(WIDTHS, SCHEMES)))
def test_nothing_stands_in_the_way_of_anybody(
    browser: Browser, pages: list[Shown], width: int, scheme: str, tmp_path: Path
) -> None:
    """axe-core finds nothing, and nothing has to be scrolled sideways.

    A page on the share is a file, which can only reload itself by its head (`meta-refresh`): one
    that did not would show an old state for ever.
    """
    found = {}
    for shown in pages:
        with opened(browser, shown, width, color_scheme=scheme) as page:
            rules = {"meta-refresh": {"enabled": "STATUS" not in shown.name}}
            result = Axe().run(page, options={"rules": rules})
            found[shown.name] = [
                (one["id"], [node["html"] for node in one["nodes"]])
                for one in result.response["violations"]
            ]
            wide = page.evaluate("document.documentElement.scrollWidth")
            if wide > width:
                found[shown.name].append(("wider than the window", [str(wide)]))
            page.screenshot(path=tmp_path / f"{shown.name}.png", full_page=True)
    assert {name: faults for name, faults in found.items() if faults} == {}


def test_pages_say_the_same_without_scripts(browser: Browser, pages: list[Shown]) -> None:
    for shown in pages:
        with opened(browser, shown) as page:
            said = page.inner_text("main")
        with opened(browser, shown, java_script_enabled=False) as page:
            assert page.locator("main").inner_text() == said


def test_everything_can_be_reached_by_keyboard_and_the_place_is_seen(
    browser: Browser, pages: list[Shown]
) -> None:
    for shown in pages:
        with opened(browser, shown) as page:
            wanted = page.locator("a:visible, summary:visible").count()
            seen = []
            for _ in range(wanted):
                page.keyboard.press("Tab")
                here = page.evaluate(
                    "(() => { const e = document.activeElement, s = getComputedStyle(e);"
                    " return [e.tagName, s.outlineStyle !== 'none' && s.outlineWidth !== '0px',"
                    " Math.round(e.getBoundingClientRect().top + scrollY)]; })()"
                )
                seen.append(here)
            assert {tag for tag, _, _ in seen} <= {"A", "SUMMARY"}, shown.name
            assert all(outlined for _, outlined, _ in seen), shown.name


def test_the_status_page_reloads_itself_unless_it_is_to_keep_still(
    browser: Browser, pages: list[Shown]
) -> None:
    still = pages[0]
    with opened(browser, replace(still, url=still.url.removesuffix("?still"))) as page:
        response = page.reload()
        assert response is not None
        assert response.headers["refresh"] == "30"
        page.get_by_text("Keep it still").click()
        assert page.url == still.url
        response = page.reload()
        assert response is not None
        assert "refresh" not in response.headers
