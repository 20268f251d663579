"""The demo: a share, a server and the service on one machine, with invented patrons."""

from sisdrop.demo.show import run_demo

__all__ = ["run_demo"]
