"""What somebody who installs our chart has to give: values, a Secret, the server's pins."""

from pathlib import Path
from typing import Any

from helm.render import RELEASE

from support.slow_door import SlowDoor
from support.sshd import Sshd

IMAGE = "localhost/sisdrop:test"
LOGIN = "sftp"
INBOX = "inbox"
# The claim that the chart makes for a release of the name that `helm.render` gives it.
DATA = f"{RELEASE}-data"


def values_for(sshd: Sshd, door: SlowDoor) -> dict[str, Any]:
    """Values for a server behind a door, with the patience of a test."""
    repository, _, tag = IMAGE.rpartition(":")
    return {
        "image": {"repository": repository, "tag": tag, "pullPolicy": "Never"},
        "config": {
            "inbox": {"settle": "400ms", "scan_interval": "200ms"},
            "guard": {"first_load": "deliver"},
            "sftp": {
                "host": sshd.host,
                "port": door.port,
                "username": sshd.user,
                "directory": "~/upload/ALMA/SIS",
                "retry": {"first": "200ms", "max": "500ms", "probe": "1s"},
            },
        },
        "existingSecret": LOGIN,
        "knownHosts": {"text": sshd.host_line(sshd.host_key, door.port)},
        "inbox": {"existingClaim": INBOX},
    }


def secret_data(key: Path) -> dict[str, bytes]:
    """What the Secret holds when this is our key."""
    return {"id_ed25519": key.read_bytes()}
