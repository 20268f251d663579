"""`sisdrop validate`: check files one after the other and say what was found of each."""

import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import TextIOWrapper
from pathlib import Path

from sisdrop import durable
from sisdrop.model import Report
from sisdrop.offline import Unsteady, Validator, is_bad
from sisdrop.plain import visible
from sisdrop.progress import reading
from sisdrop.report import report_html, report_json, report_text, summary_text


class ReportRefused(Exception):
    """The report cannot be written where it is wanted; the message says why."""


@dataclass(slots=True)
class Validation:
    """One call of the command: how to say what is found, and what was found so far."""

    validator: Validator
    as_json: bool = False
    identify: bool = False
    reports: list[Report] = field(default_factory=list)
    unread: int = 0

    @property
    def is_bad(self) -> bool:
        """Whether any file was judged bad."""
        return any(map(is_bad, self.reports))

    def check(self, files: Sequence[Path], report: Path | None) -> None:
        """Check the files, print what is found, and write the report if one is wanted.

        A file that cannot be read is complained of on stderr, and the others are still checked.

        Raises:
            ReportRefused: if the report cannot be written.
        """
        make_printable()
        for path in files:
            made = self._read(path)
            if made is None:
                continue
            self._print(made, str(path) if len(files) > 1 else None)
            self.reports.append(made)
            if report is not None:
                write_report(report, made)
        if len(files) > 1 and not self.as_json:
            sys.stdout.write(f"\n{summary_text(self.reports, self.unread)}\n")

    def _read(self, path: Path) -> Report | None:
        try:
            with reading(path, wanted=not self.as_json) as tell:
                return self.validator.validate(path, datetime.now(UTC), tell)
        except OSError as error:
            self._complain(path, error.strerror or "cannot be read")
        except Unsteady as error:
            self._complain(path, str(error))
        return None

    def _complain(self, path: Path, why: str) -> None:
        self.unread += 1
        sys.stderr.write(f"sisdrop: {visible(str(path))}: {why}\n")

    def _print(self, made: Report, name: str | None) -> None:
        if self.as_json:
            sys.stdout.write(json.dumps(report_json(made, identify=self.identify)) + "\n")
            return
        if self.reports:
            sys.stdout.write("\n")
        sys.stdout.write(report_text(made, identify=self.identify, name=name))
        sys.stdout.flush()


def refuse_report(report: Path, files: Sequence[Path]) -> None:
    """Find out, before the long work, that a report could not be written.

    Raises:
        ReportRefused: if so.
    """
    if len(files) > 1:
        raise ReportRefused("--report takes one file at a time")
    if report.suffix.lower() not in _FORMS:
        raise ReportRefused(f"{visible(str(report))}: --report must end in .html or .json")
    if report.exists() and any(path.exists() and report.samefile(path) for path in files):
        raise ReportRefused("--report would replace the file that is to be checked")
    if not os.access(report.parent, os.W_OK | os.X_OK):
        raise ReportRefused(_unwritable(report, "the folder is missing or not writable"))


def write_report(report: Path, made: Report) -> None:
    """Write the report that the share would get, as HTML or JSON by the suffix; mode 0600.

    If killed here: nothing, the whole report, or what was there before, and perhaps a hidden
    `.<name>.tmp`.

    Raises:
        ReportRefused: if it cannot be written.
    """
    form = _FORMS[report.suffix.lower()]
    try:
        durable.write_file(report, form(made).encode())
    except OSError as error:
        raise ReportRefused(_unwritable(report, error.strerror or "disk trouble")) from None


def _as_json(made: Report) -> str:
    return json.dumps(report_json(made, identify=True), indent=1, ensure_ascii=False) + "\n"


_FORMS: dict[str, Callable[[Report], str]] = {".html": report_html, ".json": _as_json}


def _unwritable(report: Path, why: str) -> str:
    return f"the report cannot be written to {visible(str(report))}: {why}"


def make_printable() -> None:
    """A terminal that is not in UTF-8 gets what it cannot show spelled out, not a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
