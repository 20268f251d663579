from typing import Any

import pytest

from sisdrop.notyet import ENTRIES, NotYet, unimplemented
from sisdrop.settings import Settings

QUIET: dict[str, Any] = {
    "inbox": {"path": "/inbox"},
    "data": "/data",
    "sftp": {"host": "h", "username": "u", "key": "/k", "known_hosts": "/kh"},
}
MAIL = {"smtp": "mail.example.edu:25", "from": "a@example.edu", "to": ["b@example.edu"]}

ASKING: dict[str, dict[str, Any]] = {
    "notify": {"notify": MAIL},
}


EVERY_INSTANCE = {entry.key for entry in ENTRIES if not ASKING[entry.key]}


def keys(**changes: object) -> set[str]:
    """The keys that the sentences for the quiet settings with these changes begin with."""
    sentences = unimplemented(Settings.model_validate(QUIET | changes))
    return {sentence.split(": ")[0] for sentence in sentences}


def test_settings_that_ask_for_nothing_missing_are_silent() -> None:
    assert keys() == EVERY_INSTANCE


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.key)
def test_a_setting_without_effect_is_named(entry: NotYet) -> None:
    assert keys(**ASKING[entry.key]) == EVERY_INSTANCE | {entry.key}


def test_a_sentence_begins_with_the_key_and_says_what_happens_instead() -> None:
    entry = NotYet("notify", "no mail is sent", lambda _: True)
    assert str(entry) == "notify: not acted on in this version; no mail is sent."
