"""The one start table of a plane on one machine: what runs, what it needs, and how it is asked whether it is ready.

The gateway's clusters name the same services; what else comes to describe a plane is held against this table.
"""

import importlib.util
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from deploy.local import demo_objects, environment, gateway, postgres, probes, secret_file, valkey
from deploy.local.certs import Authority
from deploy.local.places import ROOT, Places, Ports
from deploy.local.supervisor import Program, StartFailed


@dataclass(frozen=True, slots=True)
class Row:
    """A program of the plane. `module` is run with `python -m`; the real servers and the gateway have none."""

    name: str
    needs: tuple[str, ...] = ()
    module: str = ""
    http: bool = False
    rpc: bool = False


# In the order things start; they stop in reverse. `needs` is what must be ready first: everybody writes audit events, so audit's
# tables come before all others, and callers come after those they call (ARCHITECTURE.md, law 2).
START_TABLE = (
    Row("postgres"),
    Row("valkey"),
    Row("audit", ("postgres", "valkey"), "services.audit", http=True, rpc=True),
    Row("registry", ("audit",), "services.registry", http=True, rpc=True),
    Row("vault", ("audit",), "services.vault", http=True, rpc=True),
    Row("token", ("registry", "vault"), "services.token", http=True, rpc=True),
    Row("authorize", ("registry", "token", "vault"), "services.authorize", http=True, rpc=True),
    Row("admin", ("registry", "token", "vault", "audit", "authorize"), "services.admin", http=True, rpc=True),
    Row("gateway", ("token", "registry", "authorize", "admin")),
    Row("demo", ("gateway",), "examples.python.mcp_server"),
)
SERVICES = tuple(row.name for row in START_TABLE if row.rpc)


@dataclass(frozen=True, slots=True)
class Plane:
    """Everything the programs of one plane are made from."""

    places: Places
    ports: Ports
    secrets: Mapping[str, str]
    postgres: postgres.Postgres
    valkey: valkey.Valkey
    issuer: str
    config: Path | None = None


def prepare(places: Places, ports: Ports, config: Path | None) -> Plane:
    """Create folders, secrets, certificates, the database cluster and the gateway's configuration. Starts nothing. Idempotent."""
    places.create()
    secrets = secret_file.ensure(places.secrets)
    chosen = environment.operators_admin_key(environment.configured(config))
    if chosen and chosen != secrets[environment.ADMIN_KEY]:
        secrets |= {environment.ADMIN_KEY: chosen}
        secret_file.write(places.secrets, secrets)
    authority = Authority(places.certs)
    authority.ensure()
    database = postgres.postgres(places.state / "postgres")
    database.initialise(secrets["POSTGRES_PASSWORD"])
    parameters = gateway.Parameters(
        certs=str(authority.folder),
        envoy_admin_socket=str(places.sockets / "envoy.sock"),
        access_log=str(places.logs / "access.log"),
        public_port=ports.public,
        admin_port=ports.admin,
        sockets=str(places.sockets),
        admin_rpc_port=ports.rpc("admin"),
    )
    gateway.write(gateway.render(gateway.Place.LOOPBACK, parameters, also_ipv6=gateway.ipv6_loopback()), places.state / "envoy.yaml")
    return Plane(
        places=places,
        ports=ports,
        secrets=secrets,
        postgres=database,
        valkey=valkey.valkey(places.state / "valkey"),
        issuer=environment.issuer(ports, environment.configured(config)),
        config=config,
    )


def programs(plane: Plane) -> list[Program]:
    """The start table made concrete for `plane`; the demonstration's row only where its module is installed."""
    special = {"postgres": _postgres, "valkey": _valkey, "gateway": _gateway, "demo": _demo}
    rows = [row for row in START_TABLE if row.name != "demo" or importlib.util.find_spec(row.module)]
    return [special[row.name](row, plane) if row.name in special else _service(row, plane) for row in rows]


def dsn_of(plane: Plane, service: str) -> str:
    """The database address of `service`, with the password of its own role."""
    return plane.postgres.dsn(f"authplane_{service}", plane.secrets[f"POSTGRES_PASSWORD_{service.upper()}"])


def environment_of(plane: Plane, service: str) -> dict[str, str]:
    """What `python -m services.<service>` is told."""
    return environment.of_service(
        service, plane.places, plane.ports, plane.secrets, dsn=dsn_of(plane, service), redis_url=plane.valkey.url, config=plane.config
    )


def _service(row: Row, plane: Plane) -> Program:
    return Program(
        name=row.name,
        command=[sys.executable, "-m", row.module],
        environ=environment_of(plane, row.name),
        log=plane.places.logs / f"{row.name}.log",
        directory=ROOT,
        probe=probes.http_on_socket(plane.places.sockets / f"{row.name}.sock", "/ready"),
        needs=row.needs,
    )


def _postgres(row: Row, plane: Plane) -> Program:
    async def first_ready() -> None:
        passwords = {service: plane.secrets[f"POSTGRES_PASSWORD_{service.upper()}"] for service in SERVICES}
        await postgres.prepare_database(plane.postgres, plane.secrets["POSTGRES_PASSWORD"], passwords)

    async def probe() -> bool:
        try:
            return await postgres.is_ready(plane.postgres, plane.secrets["POSTGRES_PASSWORD"])
        except asyncpg.InvalidPasswordError as other:
            kept = plane.places.secrets
            raise StartFailed(
                f"{kept} does not belong to this database; restore it, or delete {plane.places.state} to start afresh"
            ) from other

    return Program(
        name=row.name,
        command=plane.postgres.command(),
        environ={"LC_ALL": "C", "TZ": "UTC"},
        log=plane.places.logs / "postgres.log",
        directory=Path("/"),
        probe=probe,
        needs=row.needs,
        first_ready=first_ready,
        account=plane.postgres.account,
        # Postgres' "fast" shutdown: connections are closed rather than waited for.
        end_signal=signal.SIGINT,
        death_signal=signal.SIGINT,
    )


def _valkey(row: Row, plane: Plane) -> Program:
    async def probe() -> bool:
        return await valkey.is_ready(plane.valkey)

    return Program(
        name=row.name,
        command=plane.valkey.command(),
        environ={"LC_ALL": "C"},
        log=plane.places.logs / "valkey.log",
        directory=plane.places.state,
        probe=probe,
        needs=row.needs,
    )


def _gateway(row: Row, plane: Plane) -> Program:
    return Program(
        name=row.name,
        command=gateway.command(plane.places.state / "envoy.yaml"),
        environ={"TMPDIR": str(plane.places.sockets)},
        log=plane.places.logs / "gateway.log",
        directory=plane.places.state,
        probe=probes.http_on_port(plane.ports.public, "/ready"),
        needs=row.needs,
        patience=5,
    )


def _demo(row: Row, plane: Plane) -> Program:
    told = {
        "MCP_ISSUER": plane.issuer,
        "MCP_RESOURCE": demo_objects.resource_uri(plane.ports),
        "MCP_PORT": str(plane.ports.demo),
        "SSL_CERT_FILE": str(Authority(plane.places.certs).ca),
    }
    return Program(
        name=row.name,
        command=[sys.executable, "-m", row.module],
        environ=environment.inherited() | told,
        log=plane.places.logs / "demo.log",
        directory=ROOT,
        probe=probes.listens_on_port(plane.ports.demo),
        needs=row.needs,
        optional=True,
        patience=3,
    )
