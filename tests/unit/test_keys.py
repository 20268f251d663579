import stat
from pathlib import Path

import asyncssh
import pytest

from sisdrop.delivery.keys import generate_key, load_key, read_line
from sisdrop.errors import NeedsOperator, Reason

OPENS_IT = "open sesame"


def write(path: Path, content: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    return path


def refusal(path: Path, passphrase_file: Path | None = None) -> str:
    with pytest.raises(NeedsOperator) as caught:
        load_key(path, passphrase_file)
    assert caught.value.reason is Reason.KEY_UNREADABLE
    assert caught.value.facts == {"phase": "key"}
    return caught.value.hint


def encrypted(path: Path) -> Path:
    key = asyncssh.generate_private_key("ssh-ed25519")
    return write(path, key.export_private_key("pkcs8-pem", OPENS_IT))


def test_a_generated_pair_is_ed25519_private_to_its_owner_and_loads(tmp_path: Path) -> None:
    line = generate_key(tmp_path / "id")
    assert line.startswith("ssh-ed25519 ")
    assert stat.S_IMODE((tmp_path / "id").stat().st_mode) == 0o600
    assert (tmp_path / "id.pub").read_text().strip() == line
    loaded = load_key(tmp_path / "id", None)
    assert loaded.export_public_key().decode().split()[1] == line.split()[1]


@pytest.mark.parametrize("name", ["id", "id.pub"])
def test_generating_replaces_nothing(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("precious")
    with pytest.raises(FileExistsError):
        generate_key(tmp_path / "id")
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "precious"


@pytest.mark.parametrize("mode", [0o400, 0o440, 0o600, 0o640])
def test_the_modes_of_mounted_secrets_are_taken(tmp_path: Path, mode: int) -> None:
    generate_key(tmp_path / "id")
    (tmp_path / "id").chmod(mode)
    assert load_key(tmp_path / "id", None).get_algorithm() == "ssh-ed25519"


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o660, 0o700, 0o777])
def test_a_key_that_others_can_read_or_change_is_refused(tmp_path: Path, mode: int) -> None:
    generate_key(tmp_path / "id")
    (tmp_path / "id").chmod(mode)
    assert f"{mode:04o}" in refusal(tmp_path / "id")


def test_a_missing_key_is_said_to_be_missing(tmp_path: Path) -> None:
    assert "does not exist" in refusal(tmp_path / "nothing")


def test_a_folder_is_no_key(tmp_path: Path) -> None:
    assert "is not a file" in refusal(tmp_path)


def test_a_path_through_a_file_is_unreadable(tmp_path: Path) -> None:
    write(tmp_path / "file", b"")
    assert "cannot be read by UID" in refusal(tmp_path / "file" / "id")


def test_the_public_half_is_recognized(tmp_path: Path) -> None:
    generate_key(tmp_path / "id")
    (tmp_path / "id.pub").chmod(0o600)
    assert "public half" in refusal(tmp_path / "id.pub")


def test_rubbish_is_no_private_key(tmp_path: Path) -> None:
    assert "does not hold a private key" in refusal(write(tmp_path / "id", b"hello\n"))


def test_an_encrypted_key_opens_with_its_passphrase(tmp_path: Path) -> None:
    passphrase = write(tmp_path / "passphrase", f"{OPENS_IT}\n".encode())
    assert load_key(encrypted(tmp_path / "id"), passphrase).get_algorithm() == "ssh-ed25519"


def test_an_encrypted_key_without_a_passphrase_names_the_setting(tmp_path: Path) -> None:
    assert "sftp.passphrase_file" in refusal(encrypted(tmp_path / "id"))


def test_a_wrong_passphrase_is_named_and_not_shown(tmp_path: Path) -> None:
    hint = refusal(encrypted(tmp_path / "id"), write(tmp_path / "passphrase", b"guess"))
    assert "wrong passphrase" in hint
    assert "guess" not in hint


def test_a_passphrase_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    hint = refusal(encrypted(tmp_path / "id"), write(tmp_path / "passphrase", b"x", 0o644))
    assert "the passphrase file" in hint


def test_only_the_line_end_is_cut_off_a_secret(tmp_path: Path) -> None:
    assert read_line(write(tmp_path / "password", b" spaced \r\n"), "the password file") == (
        " spaced "
    )


def test_a_secret_that_is_not_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NeedsOperator, match="not UTF-8"):
        read_line(write(tmp_path / "password", b"\xff\xfe"), "the password file")
