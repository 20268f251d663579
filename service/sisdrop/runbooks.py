"""The runbooks as pages, so that an alert can link to those of the very version that runs.

The texts are those of `docs/runbooks/`, which the package carries.
"""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

_FOLDER = Path(__file__).with_name("runbooks")
# They link to each other as they lie there.
SUFFIX = ".md"


@cache
def names() -> tuple[str, ...]:
    """The alerts that have a runbook, in the order of the alphabet."""
    return tuple(sorted(path.stem for path in _FOLDER.glob(f"*{SUFFIX}")))


def runbook(name: str) -> str | None:
    """The runbook of an alert as HTML, or None if there is no such alert.

    The text is ours; what would be HTML in it is shown and not taken for HTML all the same.
    """
    if name not in names():
        return None
    return str(_markdown().render((_FOLDER / f"{name}{SUFFIX}").read_text("utf-8")))


@cache
def _markdown() -> "MarkdownIt":
    # Imported when the first runbook is read: an idle service needs no parser.
    from markdown_it import MarkdownIt  # noqa: PLC0415

    return MarkdownIt("commonmark", {"html": False}).enable("table")
