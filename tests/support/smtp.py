"""A real SMTP server on loopback, with STARTTLS and logins, that keeps what it is sent."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from support.sshd import free_port

HOST = "127.0.0.1"
_OK = "250 OK"


@dataclass
class Mailbox:
    """What the server was sent, and what it answers instead of taking it."""

    port: int
    messages: list[EmailMessage] = field(default_factory=list)
    receivers: list[list[str]] = field(default_factory=list)
    answer_to_mail: str = _OK
    answers_to_receivers: dict[str, str] = field(default_factory=dict)
    password: str | None = None
    logins: list[str] = field(default_factory=list)

    # The names are those that the library calls.

    async def handle_RCPT(  # noqa: N802
        self, _server: Any, _session: Any, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """One receiver."""
        answer = self.answers_to_receivers.get(address, _OK)
        if answer == _OK:
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Envelope) -> str:  # noqa: N802
        """One mail."""
        if self.answer_to_mail == _OK:
            assert isinstance(envelope.content, bytes)
            message = message_from_bytes(envelope.content, policy=policy.default)
            assert isinstance(message, EmailMessage)
            self.messages.append(message)
            self.receivers.append(list(envelope.rcpt_tos))
        return self.answer_to_mail

    def log_in(
        self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, data: LoginPassword
    ) -> AuthResult:
        """One login."""
        self.logins.append(data.login.decode())
        return AuthResult(success=data.password.decode() == self.password, handled=False)


@contextmanager
def mail_server(
    context: ssl.SSLContext | None = None, password: str | None = None
) -> Iterator[Mailbox]:
    """A server on a port of its own; with a password it wants a login."""
    mailbox = Mailbox(free_port(HOST), password=password)
    controller = Controller(
        mailbox,
        hostname=HOST,
        port=mailbox.port,
        tls_context=context,
        authenticator=mailbox.log_in,
        auth_required=password is not None,
    )
    controller.start()
    try:
        yield mailbox
    finally:
        controller.stop()


def certificate(folder: Path, name: str = "localhost") -> tuple[ssl.SSLContext, Path]:
    """A server's side of TLS with a certificate made on the spot, and the file to trust it by."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    trusted, both = folder / f"{name}.pem", folder / f"{name}.both.pem"
    trusted.write_bytes(made.public_bytes(pem))
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    both.write_bytes(private + made.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    return context, trusted
