"""The commands and their exit codes, and nothing else.

What a command needs is imported inside it: `validate` has no use for a web server, and the idle
service none for tables and colours.
"""

import json
import os
import sys
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from sisdrop import __version__
from sisdrop.errors import ConfigError, ServiceError

if TYPE_CHECKING:
    from sisdrop.ledger import Ledger
    from sisdrop.reader import Reader
    from sisdrop.requests import Command
    from sisdrop.settings import Settings

app = typer.Typer(
    name="sisdrop",
    invoke_without_command=True,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
config_app = typer.Typer(help="Show the settings, or their JSON Schema.", no_args_is_help=True)
app.add_typer(config_app, name="config")


@app.callback()
def about(
    *,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Take patron XML from a share, check it, and deliver it to Alma by SFTP."""
    if version:
        typer.echo(__version__)
        raise typer.Exit


class Exit(IntEnum):
    """What the shell gets."""

    GOOD = 0
    BAD_INPUT = 1
    USAGE = 2
    LOCKED = 3
    UNUSABLE = 4


ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="Settings file; default $SISDROP_CONFIG, else /etc/sisdrop/config.yaml.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
StaleOption = Annotated[
    bool, typer.Option("--stale", help="Send it although a newer file went out.")
]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; kept in the audit trail.")]
IdArgument = Annotated[str, typer.Argument(metavar="ID", help="The file's id.")]


@app.command()
def run(config: ConfigOption = None) -> None:
    """Run the service in the foreground, until SIGTERM."""
    import uvloop

    from sisdrop import log
    from sisdrop.app import Locked, Service

    settings = _settings(config)
    log.configure(settings.log.level, settings.log.format.value)

    async def serve() -> bool:
        return await Service(settings, log.get()).run()

    try:
        rested = uvloop.run(serve())
    except Locked:
        _fail(Exit.LOCKED, "another instance holds the lock; stop it first")
    except OSError as error:
        _fail(Exit.UNUSABLE, f"port {settings.http.port} cannot be used: {error.strerror}")
    if not rested:
        # A thread hangs on a dead share; waiting for it would only bring SIGKILL.
        os._exit(Exit.GOOD)


@app.command()
def demo(
    directory: Annotated[Path, typer.Option("--dir", help="Where everything lies.")] = Path("var"),
    *,
    once: Annotated[
        bool, typer.Option("--once", help="Stop when the four files are done.")
    ] = False,
) -> None:
    """Show the whole way of a file on this machine: server, share and service included."""
    from sisdrop.demo import run_demo

    sys.exit(Exit.GOOD if run_demo(directory.resolve(), once=once) else Exit.BAD_INPUT)


@app.command()
def validate(  # noqa: PLR0913 - one for each option
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Patron XML files.")],
    rules: Annotated[
        list[str] | None,
        typer.Option("--rules", help="A rule set (alma, ishare-public, none) or a rule file."),
    ] = None,
    schema: Annotated[Path | None, typer.Option("--schema", help="An XSD of your own.")] = None,
    report: Annotated[
        Path | None, typer.Option("--report", help="Write the report here (.html or .json).")
    ] = None,
    *,
    as_json: JsonOption = False,
    identify: Annotated[bool, typer.Option("--identify", help="Name the records.")] = False,
) -> None:
    """Check patron files as the service would; nothing leaves this machine."""
    from sisdrop import log
    from sisdrop.offline import Validator
    from sisdrop.validating import ReportRefused, Validation, refuse_report

    log.configure("error", "text")
    try:
        if report is not None:
            refuse_report(report, files)
        validation = Validation(Validator(rules or (), schema), as_json, identify)
        validation.check(files, report)
    except ReportRefused as refused:
        _fail(Exit.USAGE, str(refused))
    if validation.unread:
        sys.exit(Exit.USAGE)
    sys.exit(Exit.BAD_INPUT if validation.is_bad else Exit.GOOD)


@app.command()
def sample(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A patron file, XML or zip.")],
    most: Annotated[int, typer.Option("--max", min=1, help="How many records at most.")] = 10,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Write it here (.xml or .zip).")
    ] = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Cut out a small file for a test load: valid records of every user group."""
    from sisdrop.model import Report
    from sisdrop.reader import FileUnread
    from sisdrop.report import report_text
    from sisdrop.sample import SampleRefused, sampled
    from sisdrop.sample_file import refuse_out, save, show
    from sisdrop.sampling import taken_json, taken_text

    if as_json and out is None:
        _fail(Exit.USAGE, "--json needs -o; without it the sample itself goes to stdout")
    try:
        if out is not None:
            refuse_out(out)
        with sampled(file, most, _reader(quiet=as_json)) as found:
            if isinstance(found, Report):
                typer.echo(report_text(found), err=True, nl=False)
                sys.exit(Exit.BAD_INPUT)
            if out is not None:
                save(found, out)
            else:
                show(found, sys.stdout.buffer)
    except (FileUnread, SampleRefused) as error:
        _fail(Exit.USAGE, str(error))
    if as_json:
        typer.echo(json.dumps(taken_json(found.taken)))
    else:
        typer.echo(taken_text(found.taken), err=True, nl=False)


@app.command()
def diff(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="What was loaded, XML or zip.")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="What is to be loaded, XML or zip.")],
    *,
    as_json: JsonOption = False,
) -> None:
    """Say what a load of NEW after OLD would change, above all what people would lose."""
    from sisdrop.buckets import FolderUnusable, temporary_folder
    from sisdrop.diff import Rejected
    from sisdrop.diff import diff as compare
    from sisdrop.difference_text import difference_json, difference_text
    from sisdrop.reader import FileUnread
    from sisdrop.report import report_json, report_text

    try:
        found = compare(old, new, _reader(quiet=as_json), temporary_folder(os.environ))
    except FileUnread as unread:
        _fail(Exit.USAGE, str(unread))
    except FolderUnusable as unusable:
        _fail(Exit.UNUSABLE, f"no room for temporary files ({unusable}); set TMPDIR")
    if isinstance(found, Rejected):
        shape = report_json(found.report, identify=False)
        text = report_text(found.report, name=str(found.path))
    else:
        shape, text = difference_json(found), difference_text(found)
    typer.echo(json.dumps(shape) + "\n" if as_json else text, nl=False)
    sys.exit(Exit.BAD_INPUT if isinstance(found, Rejected) else Exit.GOOD)


@app.command()
def status(config: ConfigOption = None, *, as_json: JsonOption = False) -> None:
    """Show files by state, what waits and why, the last deliveries and the next files."""
    from sisdrop.arrivals import expects_of
    from sisdrop.clock import SystemClock
    from sisdrop.shapes import status_shape
    from sisdrop.situation import Moment
    from sisdrop.terminal import print_status
    from sisdrop.view import status_view

    settings = _settings(config)
    with _ledger(settings) as ledger:
        view = status_view(
            ledger, Moment(), expects_of(settings), settings.mode, SystemClock().utc()
        )
    if as_json:
        _print_json(status_shape(view))
    else:
        print_status(view)


@app.command()
def show(file_id: IdArgument, config: ConfigOption = None, *, as_json: JsonOption = False) -> None:
    """Show one file: its steps, counts, reasons and where its report lies."""
    from sisdrop.shapes import story_shape
    from sisdrop.terminal import print_story
    from sisdrop.view import file_story

    settings = _settings(config)
    with _ledger(settings) as ledger:
        story = file_story(ledger, file_id)
        row = ledger.get(file_id)
    if story is None or row is None:
        _fail(Exit.USAGE, f"there is no file {file_id}; sisdrop status lists them")
    report = settings.data / (row.folder or f"outgoing/{row.id}") / "report.html"
    if as_json:
        _print_json({**story_shape(story, notes=True), "report": str(report)})
    else:
        print_story(story)
        typer.echo(f"report: {report}")


@app.command()
def approve(
    file_id: IdArgument,
    reason: ReasonOption,
    config: ConfigOption = None,
    *,
    stale: StaleOption = False,
) -> None:
    """Let a held file go out."""
    from sisdrop.requests import Command

    _ask(_settings(config), Command.APPROVE, file_id=file_id, reason=reason, stale=stale)


@app.command()
def refuse(file_id: IdArgument, reason: ReasonOption, config: ConfigOption = None) -> None:
    """Send a held file to the folder rejected."""
    from sisdrop.requests import Command

    _ask(_settings(config), Command.REFUSE, file_id=file_id, reason=reason)


@app.command()
def resend(
    file_id: IdArgument,
    reason: ReasonOption,
    config: ConfigOption = None,
    *,
    stale: StaleOption = False,
) -> None:
    """Deliver an archived zip again: same bytes, new name on the server."""
    from sisdrop.requests import Command

    _ask(_settings(config), Command.RESEND, file_id=file_id, reason=reason, stale=stale)


@app.command()
def purge(
    config: ConfigOption = None,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
) -> None:
    """Remove what retention no longer keeps, now."""
    from sisdrop.requests import Command

    _ask(_settings(config), Command.PURGE, dry_run=dry_run)


@app.command()
def check(
    config: ConfigOption = None,
    *,
    adopt_share: Annotated[
        bool, typer.Option("--adopt-share", help="Accept a new or restored share.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Look at everything that the service needs, one line per point with its fix."""
    from dataclasses import asdict

    from sisdrop import log
    from sisdrop.preflight import preflight
    from sisdrop.terminal import print_points

    log.configure("error", "text")
    points = preflight(_settings(config), adopt_share=adopt_share)
    if as_json:
        _print_json([asdict(point) for point in points])
    else:
        print_points(points)
    sys.exit(Exit.GOOD if all(point.ok for point in points) else Exit.UNUSABLE)


@app.command()
def keygen(
    out: Annotated[
        Path, typer.Option("--out", help="Folder for the pair; made if it is not there.")
    ] = Path(),
) -> None:
    """Make a key pair; print the line to send to the server's owner."""
    from sisdrop.delivery.keys import generate_key

    key = out / "id_ed25519"
    try:
        out.mkdir(mode=0o700, parents=True, exist_ok=True)
        line = generate_key(key)
    except OSError as error:
        _fail(Exit.UNUSABLE, f"{error.filename}: {error.strerror}")
    typer.echo(line)
    typer.echo(f"{key} is the private half, for the service alone; the line goes out.", err=True)


@app.command("scan-host-key")
def scan_host_key(
    address: Annotated[str, typer.Argument(metavar="HOST[:PORT]", help="The server.")],
) -> None:
    """Print a server's keys and fingerprints, to compare by another channel; writes nothing."""
    import asyncio

    from sisdrop.delivery.scan import scan_host_key as ask

    host, _, port = address.partition(":")
    if not host or not (port or "22").isdecimal():
        _fail(Exit.USAGE, "give HOST or HOST:PORT")
    try:
        keys = asyncio.run(ask(host, int(port or 22), 10.0))
    except ServiceError as error:
        _fail(Exit.UNUSABLE, error.hint)
    for key in keys:
        typer.echo(key.line)
        typer.echo(f"# {key.algorithm} {key.fingerprint}")


@config_app.command("show")
def config_show(config: ConfigOption = None, *, as_json: JsonOption = False) -> None:
    """Print the settings in effect; secrets are paths."""
    import yaml

    from sisdrop.settings import effective

    settings = effective(_settings(config))
    if as_json:
        _print_json(settings)
    else:
        typer.echo(yaml.safe_dump(settings, sort_keys=False), nl=False)


@config_app.command("schema")
def config_schema() -> None:
    """Print the JSON Schema of the settings."""
    from sisdrop.settings import settings_schema

    typer.echo(json.dumps(settings_schema(), indent=1))


def main() -> None:
    """Run a command; settings that cannot be used are told all at once."""
    try:
        app()
    except ConfigError as error:
        typer.echo("the settings cannot be used:", err=True)
        for problem in error.problems:
            typer.echo(f"  {problem}", err=True)
        sys.exit(Exit.USAGE)
    except ServiceError as error:
        _fail(Exit.UNUSABLE, f"{error.hint} ({error.reason})")


def _reader(*, quiet: bool) -> "Reader":
    """What reads patron files here as `validate` does, with a bar on a terminal."""
    from datetime import UTC, datetime
    from functools import partial

    from sisdrop import log, progress
    from sisdrop.offline import Validator
    from sisdrop.reader import Reader
    from sisdrop.validating import make_printable

    log.configure("error", "text")
    make_printable()
    watch = partial(progress.reading, wanted=not quiet)
    return Reader(Validator((), None), datetime.now(UTC), watch)


def _settings(config: Path | None) -> "Settings":
    from sisdrop.settings import load_settings

    chosen = config or Path(os.environ.get("SISDROP_CONFIG", "/etc/sisdrop/config.yaml"))
    given = config is not None or "SISDROP_CONFIG" in os.environ
    return load_settings(chosen if given or chosen.exists() else None, os.environ)


def _ledger(settings: "Settings") -> "Ledger":
    from sisdrop.build import LEDGER
    from sisdrop.ledger import Ledger

    path = settings.data / LEDGER
    if not path.exists():
        _fail(Exit.UNUSABLE, f"there is no ledger at {path} yet; has the service run?")
    return Ledger(path, read_only=True)


def _ask(settings: "Settings", command: "Command", **wish: Any) -> None:
    """Ask the running service, or act alone if there is none."""
    from sisdrop import log
    from sisdrop.asking import ask

    log.configure("error", "text")
    answer = ask(settings, command, **wish)
    typer.echo(answer.sentence, err=not answer.done)
    sys.exit(Exit.GOOD if answer.done else Exit.BAD_INPUT)


def _print_json(value: object) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False))


def _fail(code: Exit, sentence: str) -> NoReturn:
    typer.echo(f"sisdrop: {sentence}", err=True)
    sys.exit(code)
