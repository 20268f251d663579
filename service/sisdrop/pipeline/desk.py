"""Bringing share and data volume in line with the ledger, and the reports that say why.

The ledger decides, the disk follows. Tidying may be repeated at any time: each of its
steps is done already or is done now.
"""

import json
from datetime import datetime
from pathlib import Path

from sisdrop import kept
from sisdrop.model import FileRow, Refined, Report, State, Verdict
from sisdrop.pipeline.kit import Kit
from sisdrop.report import report_html, report_json
from sisdrop.states import FINAL

_HTML = "report.html"
_JSON = "report.json"


def report_of(row: FileRow, refined: Refined, verdict: Verdict, at: datetime) -> Report:
    """The report of a file as its row stands."""
    return Report(
        file_id=row.id,
        file=row.name,
        stream=row.stream,
        verdict=verdict,
        reason=row.reason,
        hint=row.hint,
        refined=refined,
        made_at=at,
        held_for=row.held_for if verdict is Verdict.HELD else (),
        compared_with=row.comparison,
        zip_name=row.remote_name,
    )


class Desk:
    """Writes reports and moves files to where their state says they belong.

    A file that was purged while the share was away has no report any more.
    """

    def __init__(self, kit: Kit) -> None:
        self._kit = kit

    def report(self, row: FileRow, refined: Refined, verdict: Verdict) -> None:
        """Write a file's report beside its zip on the data volume.

        `row` carries the reason, hint, names and comparison that the file is about to get. If
        killed here: the state is not entered yet, and the report is written again.
        """
        report = report_of(row, refined, verdict, self._kit.clock.utc())
        archive = self._kit.archive
        archive.write_text(row.id, _HTML, report_html(report))
        text = json.dumps(report_json(report, identify=True), indent=1, ensure_ascii=False)
        archive.write_text(row.id, _JSON, text + "\n")

    def keep(self, row: FileRow) -> None:
        """Let the folder carry the row that the ledger is about to take.

        If killed here: the ledger is older than the copy, and the bytes in `work/` tell that the
        state was not entered.
        """
        kept.keep_row(self._kit.archive.data, self._kit.archive.folder(row), row)

    def bring_to_work(self, row: FileRow) -> Path:
        """Make sure that a file which is read or judged again lies in `work/`; returns its path.

        If killed here: the file is in `held/` or in `work/`, and calling again finishes.
        """
        share = self._kit.share
        work, held = share.work(row.id), share.held(row.id, row.name)
        if share.signature(work) is None and share.signature(held) is not None:
            share.move(held, work)
            share.remove(share.report_beside(held, row.id, row.name))
        return work

    def tidy_share(self, row: FileRow) -> None:
        """Bring the share in line with a file's state: its reports, and where its bytes lie.

        If killed here: some steps are done; the next start finds the file by its folder in
        `outgoing/` or its bytes in `work/`, and calls this again.

        Raises:
            Transient: `share_gone`; what is left to do is done later.
            NeedsOperator: `share_permission`.
        """
        if row.purged_at is not None:
            self._settle_share(row, None)
            return
        html = self._kit.archive.read_text(row, _HTML)
        json_ = self._kit.archive.read_text(row, _JSON)
        self._kit.share.write_reports(row.id, row.name, html, json_)
        self._settle_share(row, html)

    def tidy_data(self, row: FileRow) -> None:
        """Move the folder of a file that is at its end into the archive, without a spare zip.

        If killed here: the folder is in exactly one of the two places; calling again finishes.
        """
        if row.state in FINAL:
            if self._has_spare_zip(row):
                self._kit.archive.drop_bundle(row.id)
            if self._kit.archive.is_under_way(row):
                self.keep(row)
            self._kit.archive.file_away(row)

    def _has_spare_zip(self, row: FileRow) -> bool:
        """Whether a zip that nobody is sent keeps no bytes that are not kept elsewhere.

        Those of a rejected file lie on the share, those of a repeated one with the file it
        repeats, or beside its zip where that is not as dropped.
        """
        if row.state is State.REJECTED:
            return True
        same = self._kit.ledger.get(row.duplicate_of) if row.duplicate_of else None
        if same is None:
            return False
        return not row.identical or self._kit.archive.holds(same, row.sha256)

    def _settle_share(self, row: FileRow, html: str | None) -> None:
        share = self._kit.share
        work, held = share.work(row.id), share.held(row.id, row.name)
        if row.state is State.HELD:
            self._lay(row, (work,), held, html)
            return
        if row.state is State.REJECTED:
            self._lay(row, (work, held), share.rejected(row.id, row.name), html)
        else:
            self._release(row, work)
            if row.state is State.SUPERSEDED:
                self._release(row, held)
        share.remove(share.report_beside(held, row.id, row.name))

    def _release(self, row: FileRow, path: Path) -> None:
        """Remove from the share what is safe on the data volume.

        Bytes that somebody wrote after ours were secured are not ours to remove: they go where
        people find them.
        """
        share = self._kit.share
        seen = share.signature(path)
        if seen == row.signature or share.recognise(path, row.sha256 or ""):
            share.remove(path)
        elif seen is not None:
            share.move(path, share.rejected(row.id, row.name))

    def _lay(self, row: FileRow, sources: tuple[Path, ...], target: Path, html: str | None) -> None:
        """Move the file where people find it, with its report beside it, if it has one yet."""
        share = self._kit.share
        for source in sources:
            if share.signature(source) is not None:
                share.move(source, target)
        if html is not None:
            share.write_report_beside(target, row.id, row.name, html)
