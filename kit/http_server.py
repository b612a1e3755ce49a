"""The HTTP/1.1 listener: a unix socket or TCP, uvicorn's httptools protocol on our own accept loop, and a drain that loses nothing.

uvicorn's `Server` is not used: it takes over signals, polls ten times a second, and lets one of several workers sharing a socket
take a whole burst of connections. Here each turn of the loop accepts one, so busy workers leave connections to idle ones.
"""

import asyncio
import errno
import socket
import ssl
import stat
import time
from email.utils import formatdate
from pathlib import Path
from typing import Any, Final

from uvicorn.config import Config
from uvicorn.server import ServerState

from kit import log
from kit.http_protocol import Protocol
from kit.rpc_server import TlsFiles

BACKLOG: Final = 2048
KEEP_ALIVE_SECONDS: Final = 120
_HANDSHAKE_SECONDS = 10.0
_UNIX = "unix:"

logger = log.get(__name__)


def bind(listen: str) -> socket.socket:
    """A listening socket for `unix:/path` (mode 0600; a dead process's socket file is replaced) or `host:port` (no host: every interface).

    Raises OSError when the address is in use or not ours, ValueError when it is neither form.
    """
    if listen.startswith(_UNIX):
        bound = _bind_unix(Path(listen.removeprefix(_UNIX)))
    else:
        host, port = host_and_port(listen)
        both = not host and socket.has_dualstack_ipv6()
        family = socket.AF_INET6 if both or ":" in host else socket.AF_INET
        bound = socket.create_server((host, port), family=family, dualstack_ipv6=both)
    bound.listen(BACKLOG)
    bound.setblocking(False)  # noqa: FBT003 - its only parameter
    return bound


def host_and_port(listen: str) -> tuple[str, int]:
    """`127.0.0.1:80`, `:80` or `[::1]:80` in two parts. Raises ValueError."""
    host, colon, port = listen.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65535:
        raise ValueError(f"{listen!r} is not host:port or unix:/path")
    return host.removeprefix("[").removesuffix("]"), int(port)


def is_loopback(listen: str) -> bool:
    """Whether only this machine can reach the address."""
    return listen.startswith(_UNIX) or host_and_port(listen)[0] in {"127.0.0.1", "::1", "localhost"}


def _bind_unix(path: Path) -> socket.socket:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and stat.S_ISSOCK(path.stat().st_mode):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            if probe.connect_ex(str(path)) == 0:
                raise OSError(errno.EADDRINUSE, "another process is listening", str(path))
        path.unlink()
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    bound.bind(str(path))
    path.chmod(0o600)  # nobody can connect before listen(), so there is no moment in between
    return bound


def mutual_tls(files: TlsFiles) -> ssl.SSLContext:
    """TLS in which the client must show a certificate of the plane as well."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(files.ca)
    context.load_cert_chain(files.cert, files.key)
    context.set_alpn_protocols(["http/1.1"])
    return context


class HttpServer:
    """Serves one ASGI application on one listening socket; with `tls`, only to the client named `peer`.

    A connection unused for `keep_alive` seconds is closed.
    """

    def __init__(
        self,
        app: Any,
        listening: socket.socket,
        *,
        tls: ssl.SSLContext | None = None,
        peer: str | None = None,
        keep_alive: float = KEEP_ALIVE_SECONDS,
    ) -> None:
        protocol = type("PeerProtocol", (Protocol,), {"peer": peer})
        self._config = Config(
            app,
            http=protocol,
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=max(1, round(keep_alive)),
            reset_contextvars=True,
        )
        self._protocol = protocol
        self._socket = listening
        self._tls = tls
        self._state = ServerState()
        self._admissions: set[asyncio.Task[None]] = set()
        self._loop: asyncio.AbstractEventLoop
        self._ticking: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to accept, on the running loop."""
        self._config.load()
        self._loop = asyncio.get_running_loop()
        self._tick()
        self._loop.add_reader(self._socket, self._accept)

    async def drain(self, seconds: float) -> None:
        """Stop accepting, close idle connections, let requests in flight finish for `seconds`, then cut them off."""
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket)
            self._socket.close()
        for connection in list(self._state.connections):
            connection.shutdown()
        until = time.monotonic() + seconds
        while (self._state.connections or self._state.tasks) and time.monotonic() < until:  # noqa: ASYNC110 - uvicorn's sets tell nobody
            await asyncio.sleep(0.02)
        if self._state.tasks:
            logger.warning("http.cut_off", requests=len(self._state.tasks))
        for task in [*self._state.tasks, *self._admissions]:
            task.cancel()
        for connection in list(self._state.connections):
            connection.transport.abort()
        if self._ticking is not None:
            self._ticking.cancel()

    def _tick(self) -> None:
        """The Date header (RFC 9110 §6.6.1), made once a second for every response."""
        self._state.default_headers = [(b"date", formatdate(usegmt=True).encode())]
        self._ticking = self._loop.call_later(1.0, self._tick)

    def _accept(self) -> None:
        try:
            connection, _ = self._socket.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return  # another worker was quicker, or the client gave up
        except OSError as error:
            logger.error("http.accept_failed", error=str(error))  # noqa: TRY400 - out of descriptors; the trace says nothing more
            self._loop.remove_reader(self._socket)
            self._loop.call_later(0.5, self._resume)
            return
        connection.setblocking(False)  # noqa: FBT003 - its only parameter
        if connection.family != socket.AF_UNIX:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        task = self._loop.create_task(self._admit(connection))
        self._admissions.add(task)
        task.add_done_callback(self._admissions.discard)

    def _resume(self) -> None:
        if self._socket.fileno() >= 0:
            self._loop.add_reader(self._socket, self._accept)

    async def _admit(self, connection: socket.socket) -> None:
        patience = None if self._tls is None else _HANDSHAKE_SECONDS
        try:
            await self._loop.connect_accepted_socket(self._make_protocol, connection, ssl=self._tls, ssl_handshake_timeout=patience)
        except OSError as error:  # includes ssl.SSLError: no certificate, or one of another authority
            logger.info("http.handshake_failed", error=str(error))
            connection.close()

    def _make_protocol(self) -> asyncio.Protocol:
        made: asyncio.Protocol = self._protocol(self._config, self._state, {}, self._loop)
        return made
