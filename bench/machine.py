"""What a run was measured on: figures without it mean nothing."""

import os
import platform
import re
import shutil
import subprocess
from pathlib import Path

import asyncssh
from lxml import etree

import sisdrop


def describe() -> str:
    """One line: processor, cores, system, load, and the versions of both sides."""
    yardsticks = (
        _version("xmllint", "--version", r"version (\d+)"),
        _version("zip", "-v", r"This is Zip ([\d.]+)"),
        _version("ssh", "-V", r"(OpenSSH_[\w.]+)"),
    )
    libxml2 = ".".join(map(str, etree.LIBXML_VERSION))
    ours = (
        f"sisdrop {sisdrop.__version__}",
        f"Python {platform.python_version()}",
        f"lxml {etree.__version__} with libxml2 {libxml2}",
        f"asyncssh {asyncssh.__version__}",
    )
    load = f"load {os.getloadavg()[0]:.1f} when it began"
    machine = f"{os.cpu_count()} cores, {_processor()}, {_system()}, {load}"
    return f"{machine}. {', '.join(ours)}; yardsticks: {', '.join(yardsticks)}."


def _processor() -> str:
    found = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()


def _system() -> str:
    return platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())


def _version(program: str, option: str, pattern: str) -> str:
    path = shutil.which(program)
    if path is None:
        return f"no {program}"
    said = subprocess.run([path, option], capture_output=True, text=True, check=False)
    found = re.search(pattern, said.stdout + said.stderr)
    return f"{program} {found[1]}" if found else program
