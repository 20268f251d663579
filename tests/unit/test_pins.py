import base64
import hashlib
import hmac
from pathlib import Path

import asyncssh
import pytest

from sisdrop.delivery.pins import Doorkeeper, fingerprint, host_pattern, load_pins
from sisdrop.errors import NeedsOperator, Reason

CURRENT = asyncssh.generate_private_key("ssh-ed25519").convert_to_public()
NEXT = asyncssh.generate_private_key("ecdsa-sha2-nistp256").convert_to_public()
HOST = "files.carli.illinois.edu"


def public(key: asyncssh.SSHKey) -> str:
    return " ".join(key.export_public_key().decode().split()[:2])


def hashed(name: str) -> str:
    salt = b"0123456789abcdefghij"
    digest = hmac.new(salt, name.encode(), hashlib.sha1).digest()
    return f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()}"


def known_hosts(folder: Path, *lines: str) -> Path:
    path = folder / "known_hosts"
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def refusal(path: Path, port: int = 22) -> str:
    with pytest.raises(NeedsOperator) as caught:
        load_pins(path, HOST, port)
    assert caught.value.reason is Reason.HOST_KEY
    assert str(path) in caught.value.hint
    return caught.value.hint


@pytest.mark.parametrize("port", [22, 2222])
@pytest.mark.parametrize("write_host", [str, hashed])
def test_plain_bracketed_and_hashed_names_are_understood(
    tmp_path: Path, port: int, write_host: type[str]
) -> None:
    path = known_hosts(tmp_path, f"{write_host(host_pattern(HOST, port))} {public(CURRENT)}")
    assert load_pins(path, HOST, port).keys == (CURRENT,)


def test_a_name_without_a_port_counts_for_any_port(tmp_path: Path) -> None:
    assert load_pins(known_hosts(tmp_path, f"{HOST} {public(CURRENT)}"), HOST, 2222).keys


def test_current_and_next_pins_both_count_and_their_types_are_asked_for_first(
    tmp_path: Path,
) -> None:
    path = known_hosts(
        tmp_path, "# two pins", f"{HOST} {public(NEXT)}", f"{HOST} {public(CURRENT)}"
    )
    pins = load_pins(path, HOST, 22)
    assert set(pins.keys) == {CURRENT, NEXT}
    assert pins.algorithms()[:2] == ["ecdsa-sha2-nistp256", "ssh-ed25519"]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert "does not exist" in refusal(tmp_path / "known_hosts")


def test_a_folder_is_no_file_of_pins(tmp_path: Path) -> None:
    assert "cannot be read" in refusal(tmp_path)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    assert "damaged" in refusal(known_hosts(tmp_path, "rubbish"))


def test_a_file_that_is_not_text_is_named(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    path.write_bytes(b"\xff\xfe\x00")
    assert "damaged" in refusal(path)


@pytest.mark.parametrize(
    "line",
    [
        "",
        f"other.example.edu {public(CURRENT)}",
        f"@cert-authority {HOST} {public(CURRENT)}",
        f"{HOST} ssh-unknown AAAA",
    ],
)
def test_a_host_without_a_pin_is_not_trusted(tmp_path: Path, line: str) -> None:
    assert "scan-host-key" in refusal(known_hosts(tmp_path, line))


def test_a_revoked_key_is_no_pin(tmp_path: Path) -> None:
    path = known_hosts(tmp_path, f"{HOST} {public(CURRENT)}", f"@revoked {HOST} {public(CURRENT)}")
    assert "pins no key" in refusal(path)


def test_a_doorkeeper_passes_pinned_keys_only_and_remembers_what_was_shown() -> None:
    door = Doorkeeper((CURRENT,))
    assert door.validate_host_public_key(HOST, "192.0.2.1", 22, CURRENT)
    assert not door.validate_host_public_key(HOST, "192.0.2.1", 22, NEXT)
    assert door.offered == NEXT
    assert not door.let_in


def test_a_mismatch_shows_both_fingerprints_and_the_file(tmp_path: Path) -> None:
    pins = load_pins(known_hosts(tmp_path, f"{HOST} {public(CURRENT)}"), HOST, 22)
    hint = pins.mismatch_hint(NEXT)
    assert fingerprint(CURRENT) in hint
    assert fingerprint(NEXT) in hint
    assert str(pins.path) in hint
