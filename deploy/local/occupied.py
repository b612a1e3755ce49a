"""Whose port is that? Asked before anything is started, so that a plane comes up whole or not at all."""

import errno
import socket
from dataclasses import dataclass

import psutil

from deploy.local.places import Ports


@dataclass(frozen=True, slots=True)
class Occupied:
    """A port we need and somebody else has."""

    port: int
    purpose: str
    holder: str

    def __str__(self) -> str:
        return f"port {self.port} ({self.purpose}) is taken by {self.holder}"


def occupied(ports: Ports) -> list[Occupied]:
    """Every port of `ports` that cannot be bound on loopback, with the process that holds it where the system tells us."""
    return [Occupied(port, purpose, _holder(port)) for purpose, port in ports.all().items() if not _free(port)]


def _free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # A closed connection still waiting out its time is no obstacle to a listener.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as problem:
            if problem.errno == errno.EADDRINUSE:
                return False
            raise
    return True


def _holder(port: int) -> str:
    try:
        for connection in psutil.net_connections(kind="tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port and connection.pid:
                return f"process {connection.pid} ({psutil.Process(connection.pid).name()})"
    except psutil.Error:
        pass
    return "a process of another user"
