"""Hands one mail to the mail server. The only module that speaks SMTP."""

import smtplib
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path

from sisdrop.letters import Letter, MailFailed, MailRefused

# Longer than a greylisting server thinks, shorter than anybody waits for a mail.
TIMEOUT = 30.0
_PERMANENT = 500


@dataclass(frozen=True, slots=True)
class PostOffice:
    """Where mails go: the server, from whom, to whom. The password is read at each connect."""

    host: str
    port: int
    sender: str
    to: tuple[str, ...]
    starttls: bool
    password_file: Path | None
    context: Callable[[], ssl.SSLContext] = ssl.create_default_context


def send(office: PostOffice, letter: Letter) -> tuple[str, ...]:
    """Hand a letter over; gives the receivers that the server refused, if it took it for others.

    If killed here: the server may have it or not, and it is handed over again with the same
    Message-ID.

    Raises:
        MailFailed: if the server cannot be reached, logged in to, or does not take it now.
        MailRefused: if it will never take this letter.
    """
    with _connected(office) as server, _translated():
        refused = server.send_message(_message(office, letter), office.sender, list(office.to))
    return tuple(refused)


def try_connection(office: PostOffice) -> None:
    """Connect and log in as for a mail, and send none.

    Raises:
        MailFailed: as for `send`.
    """
    with _connected(office):
        return


@contextmanager
def _connected(office: PostOffice) -> Iterator[smtplib.SMTP]:
    with _translated():
        server = smtplib.SMTP(
            office.host, office.port, local_hostname=_domain(office), timeout=TIMEOUT
        )
    try:
        with _translated():
            _introduce(server, office)
        yield server
        # It has the mail: what it says to our leaving is of no interest.
        with suppress(smtplib.SMTPException, OSError):
            server.quit()
    finally:
        server.close()


def _introduce(server: smtplib.SMTP, office: PostOffice) -> None:
    if office.starttls:
        server.starttls(context=office.context())
    if office.password_file is not None:
        server.login(office.sender, _password(office.password_file))


def _password(path: Path) -> str:
    try:
        return path.read_text("utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise MailFailed(f"{path} cannot be read") from error


@contextmanager
def _translated() -> Iterator[None]:
    """Name what goes wrong. A server's own words stay out: they may quote the mail."""
    try:
        yield
    except ssl.SSLError as error:
        raise MailFailed("the server's certificate or encryption is not good") from error
    except smtplib.SMTPAuthenticationError as error:
        raise MailFailed(f"the server refuses the login ({error.smtp_code})") from error
    except smtplib.SMTPNotSupportedError as error:
        raise MailFailed("the server offers no STARTTLS, or no login") from error
    except smtplib.SMTPSenderRefused as error:
        raise MailFailed(f"the server refuses the sender ({error.smtp_code})") from error
    except smtplib.SMTPRecipientsRefused as error:
        codes = sorted({str(code) for code, _ in error.recipients.values()})
        raise MailFailed(f"the server refuses every receiver ({', '.join(codes)})") from error
    except smtplib.SMTPDataError as error:
        kind = MailRefused if error.smtp_code >= _PERMANENT else MailFailed
        raise kind(f"the server refuses the mail ({error.smtp_code})") from error
    except smtplib.SMTPResponseException as error:
        raise MailFailed(f"the server answers {error.smtp_code}") from error
    except (OSError, smtplib.SMTPException) as error:
        raise MailFailed("the server cannot be reached, or hung up") from error


def _message(office: PostOffice, letter: Letter) -> EmailMessage:
    message = EmailMessage(policy=SMTP)
    message["From"] = office.sender
    message["To"] = ", ".join(office.to)
    message["Subject"] = letter.subject
    message["Date"] = format_datetime(letter.at)
    message["Message-ID"] = f"<sisdrop.{letter.key}@{_domain(office)}>"
    # Holiday answers and mailing lists leave it alone (RFC 3834).
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(letter.text)
    return message


def _domain(office: PostOffice) -> str:
    return office.sender.rpartition("@")[2]
