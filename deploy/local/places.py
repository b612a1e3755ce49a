"""Where a local plane keeps its files and which ports it takes."""

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
RPC_ORDER = ("registry", "authorize", "token", "vault", "audit", "admin")
_LONGEST_SOCKET_FOLDER = 85  # of the 107 bytes a socket's path may have, what longest name in it needs taken off


@dataclass(frozen=True, slots=True)
class Ports:
    """Every TCP port of one plane, all on loopback."""

    public: int = 9000
    admin: int = 9001
    demo: int = 8080
    demo_https: int = 8443
    first_rpc: int = 9011

    @classmethod
    def from_base(cls, base: int | None) -> "Ports":
        """`base` and the seventeen ports above it; None for the well-known defaults."""
        return cls() if base is None else cls(base, base + 1, base + 2, base + 3, base + 11)

    def rpc(self, service: str) -> int:
        """The gRPC port of `service`."""
        return self.first_rpc + RPC_ORDER.index(service)

    def all(self) -> dict[str, int]:
        """What each port is for."""
        named = {
            "public gateway": self.public,
            "admin gateway": self.admin,
            "demo MCP server": self.demo,
            "demo https host": self.demo_https,
        }
        return named | {f"{service} gRPC": self.rpc(service) for service in RPC_ORDER}


@dataclass(frozen=True, slots=True)
class Places:
    """The folders and files of one plane, all below `state`."""

    state: Path

    @classmethod
    def at(cls, chosen: Path | None) -> "Places":
        """The plane of `chosen`, else of AUTHPLANE_STATE_DIR, else `.local` of a checkout, else ~/.local/state/authplane."""
        named = os.environ.get("AUTHPLANE_STATE_DIR")
        if chosen or named:
            return cls(Path(chosen or str(named)).expanduser().resolve())
        if (ROOT / "pyproject.toml").exists():
            return cls(ROOT / ".local")
        return cls(Path(os.environ.get("XDG_STATE_HOME", "~/.local/state")).expanduser() / "authplane")

    @property
    def logs(self) -> Path:
        """One file per process."""
        return self.state / "logs"

    @property
    def certs(self) -> Path:
        """The development authority and what it signed."""
        return self.state / "certs"

    @property
    def secrets(self) -> Path:
        """Generated once, readable by the owner alone."""
        return self.state / "secrets.env"

    @property
    def running(self) -> Path:
        """What the supervisor of this plane says about itself."""
        return self.state / "running.json"

    @property
    def lock(self) -> Path:
        """Held by the supervisor for as long as it lives."""
        return self.state / "lock"

    @property
    def sockets(self) -> Path:
        """The services' HTTP sockets; elsewhere when the state directory's own path is too long for a socket."""
        wanted = self.state / "run"
        if len(str(wanted)) <= _LONGEST_SOCKET_FOLDER:
            return wanted
        return Path(tempfile.gettempdir()) / f"authplane-run-{hashlib.sha256(str(self.state).encode()).hexdigest()[:16]}"

    def create(self) -> None:
        """Make the folders. Raises PermissionError when one of them belongs to somebody else."""
        for folder in (self.state, self.logs, self.sockets):
            folder.mkdir(parents=True, exist_ok=True)
            if folder.stat().st_uid != os.geteuid():
                raise PermissionError(f"{folder} belongs to another user; choose another --state-dir")
        self.sockets.chmod(0o700)
        self.logs.chmod(0o700)
        # Traversable, so that the database's own account reaches its data when root runs the plane; everything inside is private.
        self.state.chmod(0o711)
