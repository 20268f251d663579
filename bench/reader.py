"""Read one file as the service does, with nothing around it: `python -m bench.reader FILE FOLDER`.

Prints the seconds and the peak megabytes. A process of its own, so that its memory is its own.
"""

import os
import sys
import time
from pathlib import Path

from bench.measure import peak_memory
from sisdrop.build import build_refiner
from sisdrop.clock import SystemClock
from sisdrop.model import Refined, Signature
from sisdrop.settings import load_settings

# What the settings must hold and reading does not use.
_REQUIRED = {
    "SISDROP_INBOX__PATH": "/nowhere",
    "SISDROP_SFTP__HOST": "localhost",
    "SISDROP_SFTP__USERNAME": "nobody",
    "SISDROP_SFTP__KEY": "/nowhere",
    "SISDROP_SFTP__KNOWN_HOSTS": "/nowhere",
}


def read(file: Path, folder: Path) -> float:
    """Seconds of one read, check and zip, with the settings that are the default."""
    settings = load_settings(None, {**_REQUIRED, "SISDROP_DATA": str(folder)})
    refine = build_refiner(settings, SystemClock())
    seen = file.stat()
    signature = Signature(seen.st_size, seen.st_mtime_ns, seen.st_ino)
    begun = time.monotonic()
    result = refine(
        file, signature, file_id="bench", name=file.name, out_dir=folder, progress=lambda _: None
    )
    seconds = time.monotonic() - begun
    if not isinstance(result, Refined) or result.bundle is None:
        raise SystemExit("nothing came of it")
    return seconds


if __name__ == "__main__":
    took = read(Path(sys.argv[1]), Path(sys.argv[2]))
    print(took, peak_memory(os.getpid()))
