"""The key pair or password that opens the account: made, and read at each connect."""

import errno
import os
import stat
from pathlib import Path

import asyncssh

from sisdrop.delivery.phases import Phase
from sisdrop.errors import NeedsOperator, Reason

# The owner reads (and writes), the group may read: what a mounted secret with fsGroup looks like.
_ALLOWED_MODE = 0o640


def _unreadable(hint: str) -> NeedsOperator:
    return NeedsOperator(Reason.KEY_UNREADABLE, hint, {"phase": Phase.KEY.value})


def _read_secret(path: Path, what: str) -> bytes:
    """The bytes of a secret file that only its owner and group can read."""
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            raise _unreadable(f"{what} {path} is not a file")
        if stat.S_IMODE(mode) & ~_ALLOWED_MODE:
            raise _unreadable(
                f"{what} {path} has mode {stat.S_IMODE(mode):04o}: others could read or change it;"
                " make it 0400, 0440, 0600 or 0640 (for a mounted secret: defaultMode 0440)"
            )
        return path.read_bytes()
    except FileNotFoundError as error:
        raise _unreadable(f"{what} {path} does not exist: mount it or mend the setting") from error
    except OSError as error:
        raise _unreadable(
            f"{what} {path} cannot be read by UID {os.geteuid()}: mend its owner, group or mode"
        ) from error


def read_line(path: Path, what: str) -> str:
    """The text of a secret file without the line end that editors add.

    Raises:
        NeedsOperator: `key_unreadable`, saying what is wrong with the file.
    """
    try:
        return _read_secret(path, what).decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise _unreadable(f"{what} {path} is not UTF-8 text") from error


def load_key(path: Path, passphrase_file: Path | None) -> asyncssh.SSHKey:
    """The private key that is offered to the server.

    Raises:
        NeedsOperator: `key_unreadable`, saying what is wrong with the file.
    """
    content = _read_secret(path, "the key file")
    passphrase = read_line(passphrase_file, "the passphrase file") if passphrase_file else None
    try:
        return asyncssh.import_private_key(content, passphrase)
    # Both are what asyncssh raises for a key; neither is an asyncssh.Error.
    except (ValueError, asyncssh.KeyEncryptionError) as error:
        raise _unreadable(_explain(path, content, passphrase, str(error))) from error


def _explain(path: Path, content: bytes, passphrase: str | None, said: str) -> str:
    if content.startswith((b"ssh-", b"ecdsa-", b"sk-")) or b"PUBLIC KEY-----" in content[:80]:
        return f"the key file {path} holds the public half: mount the private one"
    if passphrase is None and "passphrase" in said.lower():
        return f"the key in {path} is encrypted: set sftp.passphrase_file, or use a plain key"
    if passphrase is not None:
        return f"the key in {path} does not open: wrong passphrase, or a damaged or unknown key"
    return f"{path} does not hold a private key that can be read (OpenSSH or PEM format)"


def generate_key(out: Path) -> str:
    """Make an ed25519 key pair: the private half at `out` (0600), the public at `out`.pub.

    Returns the public line. Replaces nothing. If killed here: the private half may stand alone
    or cut off; remove it and make another, it was never in use.

    Raises:
        FileExistsError: if one of the two files is already there.
        OSError: if the folder cannot be written.
    """
    public_path = out.with_name(f"{out.name}.pub")
    if public_path.exists():
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(public_path))
    key = asyncssh.generate_private_key("ssh-ed25519", comment="sisdrop")
    public = key.export_public_key()
    _write_new(out, key.export_private_key(), 0o600)
    _write_new(public_path, public, 0o644)
    return public.decode("ascii").strip()


def _write_new(path: Path, content: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
