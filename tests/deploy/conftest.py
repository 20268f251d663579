from collections.abc import Iterator

import pytest

from support.podman import Podman, running_podman
from support.release import IMAGE


@pytest.fixture(scope="session")
def podman() -> Iterator[Podman]:
    """Podman with our image built from the Dockerfile."""
    with running_podman() as podman:
        podman.build(IMAGE, VERSION="0.0.test", REVISION="abc")
        yield podman
