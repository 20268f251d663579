"""What the documents promise is there."""

import re
from pathlib import Path

import pytest

from sisdrop.cli import app
from sisdrop.errors import Reason

_ROOT = Path(__file__).parents[2]
_PAGES = sorted([*_ROOT.glob("*.md"), *_ROOT.glob("docs/**/*.md")])


@pytest.mark.parametrize("reason", Reason)
def test_operations_explains_every_reason(reason: Reason) -> None:
    assert f"| `{reason}` |" in (_ROOT / "docs" / "operations.md").read_text()


@pytest.mark.parametrize("page", _PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_test_that_the_security_page_names_is_there() -> None:
    text = (_ROOT / "docs" / "security.md").read_text()
    named = re.findall(r"`(tests/[a-z0-9_/]+\.py)::(\w+)`", text)
    assert named
    gone = [name for path, name in named if f"def {name}(" not in (_ROOT / path).read_text()]
    assert gone == []


def test_the_readme_lists_every_command() -> None:
    text = (_ROOT / "README.md").read_text()
    names = [command.name or command.callback.__name__ for command in app.registered_commands
             if command.callback]  # fmt: skip
    assert [name for name in names if f"`sisdrop {name}" not in text] == []


def test_no_lock_file_names_an_index() -> None:
    locks = sorted(_ROOT.glob("requirements*.lock"))
    assert locks
    for lock in locks:
        text = lock.read_text()
        assert "://" not in text
        assert "--hash=sha256:" in text
