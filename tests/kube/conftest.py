"""One cluster for the whole folder, with our image and nothing from any registry."""

import io
import os
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from kube.installed import Installed, installed
from support.cluster import Cluster, running_cluster
from support.node import PAUSE
from support.podman import ROOT, Podman, running_podman
from support.release import IMAGE


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    binaries = Path(os.environ.get("KUBE_DIR") or ROOT / "var" / "kube").resolve()
    archive = tmp_path_factory.mktemp("images") / "images.tar"
    with running_podman() as podman:
        podman.build(IMAGE)
        import_pause(podman, archive.with_name("pause.tar"))
        podman("save", "--multi-image-archive", f"--output={archive}", IMAGE, PAUSE)
    with running_cluster(binaries) as cluster:
        cluster.load(archive)
        yield cluster


def import_pause(podman: Podman, archive: Path) -> None:
    """The image of the process that holds a pod's network: one program, which waits and reaps."""
    program = Path(shutil.which("catatonit") or "/usr/bin/catatonit").read_bytes()
    entry = tarfile.TarInfo("pause")
    entry.size, entry.mode = len(program), 0o755
    with tarfile.open(archive, "w") as tar:
        tar.addfile(entry, io.BytesIO(program))
    podman("import", "--quiet", '--change=ENTRYPOINT ["/pause", "-P"]', archive, PAUSE)


@pytest.fixture
def release(cluster: Cluster, tmp_path: Path) -> Iterator[Installed]:
    with installed(cluster, tmp_path) as release:
        yield release
