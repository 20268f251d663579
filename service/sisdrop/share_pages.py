"""What lies at the top of the share: STATUS.html and README.txt. Neither holds patron data."""

from typing import Final

from sisdrop import page, plain, story, words
from sisdrop.dashboard import is_late
from sisdrop.model import FileView, State, StatusView, StreamView

RECENT_FILES: Final = 30

_EDGES: Final = {
    State.REJECTED: "bad",
    State.HELD: "warn",
    State.DELIVERED: "good",
    State.ARCHIVED: "good",
}

_README: Final = """\
Drop patron files here (.xml, or a .zip with one XML file). sisdrop checks and sends them to Alma.
STATUS.html shows what became of each file. Is its time over ten minutes old? Tell the operator.
held: files that wait for you. Move one into the folder approved to send it, delete it to refuse.
rejected: files that cannot be used. The report beside each says why. Correct, then drop again.
reports: one on every file. They name patrons: keep them here. Leave the folder .sisdrop alone.
"""


def readme_text() -> str:
    r"""README.txt: five lines, in ASCII, with the `\r\n` that every Windows editor shows well."""
    return _README.replace("\n", "\r\n")


def status_html(view: StatusView) -> str:
    """STATUS.html: one page that needs no network and no script and reloads itself each minute."""
    held = [file for file in view.open_files if file.state is State.HELD]
    late = [stream for stream in view.streams if is_late(stream, view)]
    unchanged = [stream for stream in view.streams if stream.unchanged_since]
    left = [stream for stream in view.streams if stream.not_fetched]
    return page.render(
        "status.html.j2",
        view=view,
        held=held,
        moving=[file for file in view.open_files if file.state is not State.HELD],
        late=late,
        unchanged=unchanged,
        left=left,
        recent=view.recent[:RECENT_FILES],
        verdict=_verdict(view, held, late, unchanged, left),
        reasons=words.REASONS,
        outcome=words.outcome,
        sentences=_sentences,
        decide=_decide,
        count_text=story.count_text,
        edge=_edge,
        recent_files=RECENT_FILES,
    )


def _verdict(
    view: StatusView,
    held: list[FileView],
    late: list[StreamView],
    unchanged: list[StreamView],
    left: list[StreamView],
) -> str:
    """The one sentence that says whether anybody has to act."""
    needs = []
    if view.blocked or not view.share_up:
        needs.append("something is wrong")
    if held:
        needs.append(f"{plain.quantity(len(held), 'file waits', 'files wait')} for a decision")
    if late:
        needs.append("an expected file has not come")
    if unchanged:
        needs.append("files have been the same for too long")
    if left:
        needs.append("Alma has not fetched a file")
    if view.unmatched:
        needs.append(
            f"{plain.quantity(len(view.unmatched), 'file is', 'files are')} not recognized"
        )
    if not needs:
        return "All is well. Nobody needs to do anything."
    return f"Please look: {', '.join(needs)}."


def _sentences(file: FileView) -> list[str]:
    """Why a file is held or waits, in sentences."""
    if file.held_for:
        return [plain.sentence(held.sentence) for held in file.held_for]
    if file.reason:
        return [words.REASONS[file.reason].meaning]
    return [words.STATES[file.state].meaning]


def _decide(file: FileView) -> list[str]:
    """What to do about a held file."""
    reasons = [held.reason for held in file.held_for]
    if not reasons and file.reason:
        reasons = [file.reason]
    actions = dict.fromkeys(words.REASONS[reason].action for reason in reasons)
    how = words.how_to_decide(frozenset(reasons))
    return [*actions, *([how] if how else [])]


def _edge(file: FileView) -> str:
    """The style of a file's outcome; the words beside it say the same."""
    if file.rehearsed:
        return ""
    return _EDGES.get(file.state, "")
