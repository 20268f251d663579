"""A name server for pods, which knows the names that a test gives it."""

from pathlib import Path

from support.daemons import Daemons

DOMAIN = "cluster.local"


class NameServer:
    """Answers at one address, out of a folder that dnsmasq watches."""

    def __init__(self, base: Path, daemons: Daemons) -> None:
        self._folder = base / "names"
        self._folder.mkdir()
        self._daemons = daemons

    def start(self, address: str) -> None:
        """Start to answer; it may take a moment."""
        self._daemons.start(
            *("names", "dnsmasq", "--keep-in-foreground", "--log-facility=-", "--pid-file="),
            *("--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--bind-interfaces"),
            *(f"--listen-address={address}", f"--local=/{DOMAIN}/", f"--hostsdir={self._folder}"),
            # Another user could not read the folder.
            *("--user=root", "--except-interface=lo"),
        )

    def write(self, name: str, address: str) -> None:
        """Answer with this address from now on, when asked for the name."""
        (self._folder / name).write_text(f"{address} {name}\n")
