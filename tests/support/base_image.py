"""A stand-in for the official Python image, made of Debian's own packages and kept between runs.

It has the name that the Dockerfile asks for, so nothing needs to be fetched from a registry.
"""

import hashlib
import os
import subprocess
import tempfile
from pathlib import Path

SUITE = "trixie"
BASE = f"python:3.13-slim-{SUITE}"
_PACKAGES = ("ca-certificates", "netbase", "tzdata", "python3", "python3-pip", "python3-venv")
_LINKS = ("python", "python3", "pip", "pip3")


def base_archive() -> Path:
    """The file system of the stand-in base image, as a tar; made once and kept.

    The official image has its programs in /usr/local/bin and lets pip install; so has this one.
    """
    key = hashlib.sha256(" ".join((SUITE, *_PACKAGES, *_LINKS)).encode()).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sisdrop-tests"
    kept = cache / f"base-{SUITE}-{key}.tar"
    if not kept.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            made = Path(folder) / "base.tar"
            _make(made)
            made.rename(kept)
    return kept


def _make(archive: Path) -> None:
    hooks = [
        'rm -f "$1"/usr/lib/python3*/EXTERNALLY-MANAGED',
        *(f'ln -sf /usr/bin/{x.rstrip("3")}3 "$1"/usr/local/bin/{x}' for x in _LINKS),
    ]
    command = [
        *("mmdebstrap", "--quiet", "--variant=minbase", "--mode=root"),
        f"--include={','.join(_PACKAGES)}",
        *(f"--dpkgopt=path-exclude=/usr/share/{x}/*" for x in ("man", "locale", "doc")),
        *(f"--customize-hook={hook}" for hook in hooks),
        *(SUITE, str(archive)),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(
            f"the base image cannot be made; mmdebstrap needs root and a mirror of Debian that has "
            f"{SUITE}: {done.stderr}"
        )
