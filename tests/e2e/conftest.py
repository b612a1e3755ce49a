"""One whole plane for all end-to-end tests: started by the same command an operator uses, on ports of its own."""

import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import httpx
import pytest

from tests.e2e.flows import Public

ROOT = Path(__file__).parents[2]
OFFSETS = (0, 1, 2, 3, *range(11, 17))


@dataclass(frozen=True)
class RunningPlane:
    """What `authserver dev --status --json` says, and clients for its two doors."""

    state_dir: Path
    facts: dict[str, Any]

    @property
    def issuer(self) -> str:
        return str(self.facts["issuer"])

    @property
    def admin_url(self) -> str:
        return str(self.facts["admin_url"])

    @property
    def admin_api_key(self) -> str:
        return str(self.facts["admin_api_key"])

    @property
    def demo_resource(self) -> str:
        return str(self.facts["demo_resource"])

    @property
    def demo_user(self) -> tuple[str, str]:
        """Email and password."""
        return self.facts["demo_user"]["email"], self.facts["demo_user"]["password"]

    @property
    def demo_client(self) -> tuple[str, str]:
        """Client id and secret of a machine client that may use the demo resource."""
        return self.facts["demo_client"]["client_id"], self.facts["demo_client"]["client_secret"]

    @property
    def client_metadata_port(self) -> int:
        """Where a client metadata document may be served from https://localhost."""
        return int(self.facts["client_metadata"]["port"])

    @property
    def localhost_certificate(self) -> Path:
        """A certificate for localhost that the plane trusts."""
        return Path(self.facts["client_metadata"]["certificate"])

    @property
    def localhost_key(self) -> Path:
        """Its key."""
        return Path(self.facts["client_metadata"]["key"])

    def pid(self, service: str) -> int:
        """The process of `service` right now."""
        return int(status(self.state_dir)["services"][service]["pid"])

    def client(self) -> httpx.Client:
        """A client of the public door that keeps cookies and follows no redirect by itself."""
        return httpx.Client(base_url=self.issuer, timeout=30)

    def operator(self) -> httpx.Client:
        """A client of the operator API with the bootstrap key."""
        return httpx.Client(base_url=self.admin_url, headers={"authorization": f"Bearer {self.admin_api_key}"}, timeout=30)


def authserver(
    *arguments: str, seconds: float = 240, environ: Mapping[str, str] = MappingProxyType({})
) -> subprocess.CompletedProcess[str]:
    """Run the command line as an operator would."""
    return subprocess.run(
        [sys.executable, "-m", "cli.main", *arguments],
        cwd=ROOT,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


def status(state_dir: Path) -> dict[str, Any]:
    """`authserver dev --status --json`."""
    found: dict[str, Any] = json.loads(authserver("dev", "--status", "--json", "--state-dir", str(state_dir)).stdout)
    return found


def free_base() -> int:
    """A port with all the ports a plane needs above it free."""
    for base in range(10000 + os.getpid() % 1000 * 20, 32000, 20):
        try:
            held = [socket.create_server(("127.0.0.1", base + offset)) for offset in OFFSETS]
        except OSError:
            continue
        for found in held:
            found.close()
        return base
    raise RuntimeError("no free range of ports")


@pytest.fixture(scope="session")
def start_plane() -> Iterator[Callable[..., RunningPlane]]:
    """Starts planes with settings of their own; all are stopped at the end. Environment names are keyword arguments."""
    with tempfile.TemporaryDirectory(prefix="ap-e2e-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)
        started: list[Path] = []

        def start(*arguments: str, **environ: str) -> RunningPlane:
            state_dir = Path(folder) / str(len(started))
            started.append(state_dir)
            base = free_base()
            done = authserver("dev", "--detach", "--state-dir", str(state_dir), "--port-base", str(base), *arguments, environ=environ)
            if done.returncode:
                logs = "\n".join(f"== {log.name}\n{log.read_text(errors='replace')[-3000:]}" for log in (state_dir / "logs").glob("*.log"))
                raise AssertionError(f"the plane did not start:\n{done.stdout}\n{done.stderr}\n{logs}")
            return RunningPlane(state_dir, status(state_dir))

        try:
            yield start
        finally:
            for state_dir in started:
                authserver("dev", "--stop", "--state-dir", str(state_dir))


@pytest.fixture(scope="session")
def plane(start_plane: Callable[..., RunningPlane]) -> RunningPlane:
    """The plane every end-to-end test shares; tests create their own clients and people in it.

    All of them come from one address, so what one address may do is raised; the limits have tests of their own.
    """
    return start_plane(AUTHPLANE_DCR_RATE_LIMIT="1000", AUTHPLANE_DCR_RATE_LIMIT_BURST="2000", AUTHPLANE_RATE_LIMIT_ENABLED="false")


@pytest.fixture(scope="session")
def public(plane: RunningPlane) -> Public:
    """The same plane as its clients see it."""
    email, password = plane.demo_user
    return Public(
        issuer=plane.issuer,
        admin_url=plane.admin_url,
        admin_api_key=plane.admin_api_key,
        resource=plane.demo_resource,
        mcp_url=str(plane.facts["demo_mcp_url"]),
        email=email,
        password=password,
    )
