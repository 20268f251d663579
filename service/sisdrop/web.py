"""Answers HTTP: health, metrics, the status page and the same as JSON. Read-only, no patron data.

Whatever a source's exception says stays inside: a failed answer is a constant sentence.
"""

import re
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Final, Protocol

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from sisdrop import dashboard, page, runbooks, shapes, story, words
from sisdrop.errors import ServiceError
from sisdrop.health import Health
from sisdrop.http_server import Server
from sisdrop.metrics import Metrics
from sisdrop.model import FileStory, FileView, State, StatusView

__all__ = ["Server", "StatusSource", "create_app"]

MAX_FILES: Final = 1000
DEFAULT_FILES: Final = 100
_RELOAD_EVERY: Final = 30
# In the query of the status page: it is not to reload itself.
_STILL: Final = "still"
_FILE_ID: Final = re.compile(r"[0-9A-Za-z-]{1,64}")
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class StatusSource(Protocol):
    """Who knows what the pages show. All but `liveness` may block on the disk for a moment."""

    def status(self) -> StatusView:
        """Everything at a glance."""
        ...

    def files(self, state: State | None, limit: int) -> list[FileView]:
        """The newest files, in one state or in any."""
        ...

    def file(self, file_id: str) -> FileStory | None:
        """One file with its audit trail; None if there is no such file."""
        ...

    def liveness(self) -> Health:
        """Whether the loop passes. Called on the loop: must not block."""
        ...

    def readiness(self) -> Health:
        """Whether settings, lock, ledger, data and share are good."""
        ...


def _json(shape: object, status: int = HTTPStatus.OK) -> JSONResponse:
    return JSONResponse(shape, status, headers=_HEADERS)


def _html(template: str, status: int = HTTPStatus.OK, **values: object) -> HTMLResponse:
    body = page.render(
        template,
        short_name=dashboard.short_name,
        count_text=story.count_text,
        outcome=words.outcome,
        file_tone=dashboard.file_tone,
        how_to_decide=dashboard.how_to_decide,
        pickup_text=words.pickup_text,
        runbooks=words.RUNBOOKS,
        reasons=words.REASONS,
        states=words.STATES,
        **values,
    )
    return HTMLResponse(body, status, headers=_HEADERS)


def _health(health: Health) -> JSONResponse:
    status = HTTPStatus.OK if health.ok else HTTPStatus.SERVICE_UNAVAILABLE
    return _json(health.shape(), status)


class _BadQuery(Exception):
    """A query that cannot be answered, and what would be."""

    def __init__(self, parameter: str, allowed: list[str]) -> None:
        super().__init__(parameter)
        self.shape = {"error": f"bad query: {parameter}", "allowed": allowed}


def _query(request: Request) -> tuple[State | None, int]:
    """The state and the limit that `/api/files` was asked for."""
    query = request.query_params
    if not {"state", "limit"}.issuperset(query):
        raise _BadQuery("unknown parameter", ["state", "limit"])
    state, limit = query.get("state"), query.get("limit", str(DEFAULT_FILES))
    if state is not None and state not in set(State):
        raise _BadQuery("state", [*State])
    if not re.fullmatch(r"[1-9][0-9]{0,3}", limit, re.ASCII) or int(limit) > MAX_FILES:
        raise _BadQuery("limit", [f"1 to {MAX_FILES}"])
    return (None if state is None else State(state)), int(limit)


class _Answers:
    """One method per path."""

    def __init__(self, source: StatusSource, metrics: Metrics) -> None:
        self._source = source
        self._metrics = metrics

    async def livez(self, _request: Request) -> Response:
        # On the loop on purpose: threads may all be stuck on a dead disk, which is no reason to
        # kill the process.
        return _health(self._source.liveness())

    async def readyz(self, _request: Request) -> Response:
        return _health(await run_in_threadpool(self._source.readiness))

    async def healthz(self, _request: Request) -> Response:
        both = {
            "livez": self._source.liveness(),
            "readyz": await run_in_threadpool(self._source.readiness),
        }
        ok = all(health.ok for health in both.values())
        shape = {name: {"ok": health.ok, **health.shape()} for name, health in both.items()}
        return _json({"ok": ok, **shape}, HTTPStatus.OK if ok else HTTPStatus.SERVICE_UNAVAILABLE)

    async def metrics(self, _request: Request) -> Response:
        body, content_type = self._metrics.render()
        return Response(body, headers={**_HEADERS, "Content-Type": content_type})

    async def status_page(self, request: Request) -> Response:
        return await run_in_threadpool(self._status_page, still=_STILL in request.query_params)

    def _status_page(self, *, still: bool) -> Response:
        view = self._source.status()
        late = [stream for stream in view.streams if dashboard.is_late(stream, view)]
        response = _html(
            "page.html.j2",
            view=view,
            points=dashboard.headline(view),
            chart=dashboard.chart(view.days),
            late=late,
            still=still,
            reload_every=_RELOAD_EVERY,
        )
        # Whoever reads slowly, or has it read aloud, can do without (WCAG 2.2.2).
        if not still:
            response.headers["Refresh"] = str(_RELOAD_EVERY)
        return response

    async def file_page(self, request: Request) -> Response:
        told = await self._story(request)
        if told is None:
            return _html("page_missing.html.j2", HTTPStatus.NOT_FOUND, what="file")
        return await run_in_threadpool(
            _html, "page_file.html.j2", file=told.file, events=told.events
        )

    async def runbook_list(self, _request: Request) -> Response:
        return await run_in_threadpool(_html, "page_runbooks.html.j2", alerts=runbooks.names())

    async def runbook_page(self, request: Request) -> Response:
        alert = request.path_params["alert"].removesuffix(runbooks.SUFFIX)
        return await run_in_threadpool(self._runbook_page, alert)

    @staticmethod
    def _runbook_page(alert: str) -> Response:
        text = runbooks.runbook(alert)
        if text is None:
            return _html("page_missing.html.j2", HTTPStatus.NOT_FOUND, what="runbook")
        return _html("page_runbook.html.j2", alert=alert, text=page.markup(text))

    async def api_status(self, _request: Request) -> Response:
        return _json(shapes.status_shape(await run_in_threadpool(self._source.status)))

    async def api_files(self, request: Request) -> Response:
        state, limit = _query(request)
        files = await run_in_threadpool(self._source.files, state, limit)
        return _json({"files": [shapes.file_shape(file) for file in files]})

    async def api_file(self, request: Request) -> Response:
        told = await self._story(request)
        if told is None:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        return _json(shapes.story_shape(told, notes=False))

    async def _story(self, request: Request) -> FileStory | None:
        file_id = request.path_params["file_id"]
        if not _FILE_ID.fullmatch(file_id):
            return None
        return await run_in_threadpool(self._source.file, file_id)


async def _bad_query(_request: Request, error: Exception) -> Response:
    return _json(getattr(error, "shape", {}), HTTPStatus.BAD_REQUEST)


async def _refused(_request: Request, error: Exception) -> Response:
    """No such path, no such file, or a method that would change something."""
    status = getattr(error, "status_code", HTTPStatus.INTERNAL_SERVER_ERROR)
    response = _json({"error": HTTPStatus(status).phrase.lower()}, status)
    response.headers.update(getattr(error, "headers", None) or {})
    return response


async def _failed(_request: Request, error: Exception) -> Response:
    """We failed. Starlette raises the error again after this answer, so that it is logged."""
    if isinstance(error, ServiceError):
        return _json({"error": "unavailable", "reason": error.reason}, 503)
    return _json({"error": "internal error"}, 500)


def create_app(source: StatusSource, metrics: Metrics) -> Starlette:
    """The application that answers from `source` and `metrics`."""
    answers = _Answers(source, metrics)
    paths: dict[str, Callable[[Request], Awaitable[Response]]] = {
        "/livez": answers.livez,
        "/readyz": answers.readyz,
        "/healthz": answers.healthz,
        "/metrics": answers.metrics,
        "/": answers.status_page,
        "/files/{file_id}": answers.file_page,
        "/runbooks": answers.runbook_list,
        "/runbooks/{alert}": answers.runbook_page,
        "/api/status": answers.api_status,
        "/api/files": answers.api_files,
        "/api/files/{file_id}": answers.api_file,
    }
    app = Starlette(
        routes=[Route(path, answer, methods=["GET"]) for path, answer in paths.items()],
        exception_handlers={
            _BadQuery: _bad_query,
            HTTPException: _refused,
            Exception: _failed,
        },
    )
    app.router.redirect_slashes = False
    return app
