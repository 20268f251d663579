"""One real sshd for the whole folder; each test gets an empty upload folder and a fresh pin."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.service import Service, installation
from support.sshd import Sshd, running_sshd


@pytest.fixture(scope="session")
def session_sshd() -> Iterator[Sshd]:
    with running_sshd() as server:
        yield server


@pytest.fixture
def sshd(session_sshd: Sshd) -> Sshd:
    session_sshd.restore()
    for path in session_sshd.upload_dir.iterdir():
        path.unlink()
    session_sshd.authorize(session_sshd.key)
    session_sshd.pin(session_sshd.host_key)
    return session_sshd


@pytest.fixture
def service(tmp_path: Path, sshd: Sshd) -> Iterator[Service]:
    with installation(tmp_path, sshd) as service:
        yield service
