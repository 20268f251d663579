"""Handing a mail to a real SMTP server."""

import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from sisdrop import mailer
from sisdrop.letters import Letter, MailFailed, MailRefused
from sisdrop.mailer import PostOffice, send, try_connection
from support.smtp import HOST, Mailbox, certificate, mail_server
from support.sshd import free_port

SENDER, ONE, OTHER = "sisdrop@example.edu", "library@example.edu", "systems@example.edu"
LETTER = Letter(
    "20261127T031200Z-4f7c.12",
    datetime(2026, 11, 27, 3, 12, tzinfo=UTC),
    "[sisdrop] patrons: delivered, 12,031 records (étudiants.xml)",
    "étudiants.xml: all is well.\n",
)


def office(port: int) -> PostOffice:
    return PostOffice(HOST, port, SENDER, (ONE, OTHER), starttls=False, password_file=None)


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with mail_server() as mailbox:
        yield mailbox


def why(post: PostOffice, kind: type[Exception] = MailFailed) -> str:
    with pytest.raises(kind) as caught:
        send(post, LETTER)
    return str(caught.value)


def test_a_letter_arrives_as_it_was_written(mailbox: Mailbox) -> None:
    assert send(office(mailbox.port), LETTER) == ()
    (message,) = mailbox.messages
    assert mailbox.receivers == [[ONE, OTHER]]
    assert message["Subject"] == LETTER.subject
    assert (message["From"], message["To"]) == (SENDER, f"{ONE}, {OTHER}")
    assert message["Message-ID"] == "<sisdrop.20261127T031200Z-4f7c.12@example.edu>"
    assert message["Date"].datetime == LETTER.at
    assert message["Auto-Submitted"] == "auto-generated"
    assert message.get_content().replace("\r\n", "\n") == LETTER.text


def test_no_name_of_a_file_gets_into_the_headers(mailbox: Mailbox) -> None:
    """Letters hold no line breaks in their subjects; one that did would not go out."""
    with pytest.raises(ValueError, match="Header"):
        send(office(mailbox.port), replace(LETTER, subject="x\nBcc: somebody@example.com"))
    assert mailbox.messages == []


def test_it_travels_encrypted_and_with_a_password_that_is_read_each_time(tmp_path: Path) -> None:
    context, trusted = certificate(tmp_path)
    word = tmp_path / "password"
    word.write_text("first\n")
    with mail_server(context, "second") as mailbox:
        post = PostOffice(
            "localhost", mailbox.port, SENDER, (ONE,), starttls=True, password_file=word,
            context=partial(ssl.create_default_context, cafile=str(trusted)),
        )  # fmt: skip
        assert why(post) == "the server refuses the login (535)"
        word.write_text("second\n")
        send(post, LETTER)
        assert mailbox.logins[-1] == SENDER
        assert len(mailbox.messages) == 1


@pytest.mark.parametrize("name", ["localhost", "elsewhere.example.edu"])
def test_a_certificate_that_is_not_trusted_or_of_another_ends_it(tmp_path: Path, name: str) -> None:
    context, trusted = certificate(tmp_path, name)
    trust = None if name == "localhost" else str(trusted)
    with mail_server(context) as mailbox:
        post = replace(
            office(mailbox.port),
            host="localhost",
            starttls=True,
            context=partial(ssl.create_default_context, cafile=trust),
        )
        assert why(post) == "the server's certificate or encryption is not good"
        assert mailbox.messages == []


def test_a_server_without_encryption_gets_nothing_when_it_is_wanted(mailbox: Mailbox) -> None:
    assert why(replace(office(mailbox.port), starttls=True)) == (
        "the server offers no STARTTLS, or no login"
    )


def test_a_password_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    context, trusted = certificate(tmp_path)
    with mail_server(context, "word") as mailbox:
        post = PostOffice(
            "localhost", mailbox.port, SENDER, (ONE,), starttls=True,
            password_file=tmp_path / "gone",
            context=partial(ssl.create_default_context, cafile=str(trusted)),
        )  # fmt: skip
        assert why(post) == f"{tmp_path / 'gone'} cannot be read"


def test_nobody_at_the_port_is_tried_again() -> None:
    assert why(office(free_port(HOST))) == "the server cannot be reached, or hung up"


@pytest.mark.parametrize(
    ("answer", "kind"), [("451 later", MailFailed), ("554 never this one", MailRefused)]
)
def test_a_mail_that_is_not_taken_is_tried_again_unless_it_never_will_be(
    mailbox: Mailbox, answer: str, kind: type[Exception]
) -> None:
    mailbox.answer_to_mail = answer
    assert why(office(mailbox.port), kind) == f"the server refuses the mail ({answer[:3]})"


def test_one_receiver_who_is_refused_does_not_keep_it_from_the_others(mailbox: Mailbox) -> None:
    mailbox.answers_to_receivers = {ONE: "550 unknown"}
    assert send(office(mailbox.port), LETTER) == (ONE,)
    assert mailbox.receivers == [[OTHER]]


def test_all_receivers_refused_is_tried_again(mailbox: Mailbox) -> None:
    mailbox.answers_to_receivers = {ONE: "550 unknown", OTHER: "450 later"}
    assert why(office(mailbox.port)) == "the server refuses every receiver (450, 550)"


def test_a_server_that_says_nothing_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailer, "TIMEOUT", 0.3)
    with socket.create_server((HOST, 0)) as silent:
        held: list[socket.socket] = []
        thread = threading.Thread(target=lambda: held.append(silent.accept()[0]), daemon=True)
        thread.start()
        assert why(office(silent.getsockname()[1])) == "the server cannot be reached, or hung up"
        thread.join()
        held[0].close()


def test_a_connection_is_tried_without_a_mail(mailbox: Mailbox) -> None:
    try_connection(office(mailbox.port))
    assert mailbox.messages == []
    with pytest.raises(MailFailed):
        try_connection(office(free_port(HOST)))
