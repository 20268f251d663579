"""The bill of materials of an image, as SPDX: `sbom.py OUTPUT [ARCHIVE]`.

ARCHIVE is what `podman save` or `docker save` wrote; without it an image is built.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from support.podman import Podman, running_podman
from support.release import IMAGE

_SYFT = Path(sys.executable).with_name("syft")


def list_materials(archive: Path, output: Path) -> None:
    """Write what is in a docker archive.

    Raises:
        subprocess.CalledProcessError: if it is none.
    """
    output.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        [
            *(_SYFT, "scan", f"docker-archive:{archive}", "--source-name=sisdrop"),
            *("--quiet", f"--output=spdx-json={output}"),
        ],
        env={**os.environ, "SYFT_CHECK_FOR_APP_UPDATE": "false"},
        check=True,
    )


def list_materials_of(podman: Podman, image: str, output: Path) -> None:
    """Write what is in an image that podman has."""
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "image.tar"
        podman("save", "--format=docker-archive", f"--output={archive}", image)
        list_materials(archive, output)


def main(output: Path, *archives: Path) -> None:
    """Write what is in each archive, or in an image that is built for it."""
    for archive in archives:
        list_materials(archive, output)
    if not archives:
        with running_podman() as podman:
            podman.build(IMAGE)
            list_materials_of(podman, IMAGE, output)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
