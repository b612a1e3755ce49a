"""Where the plane is, what it stores in, and how its processes find one another."""

from typing import Annotated

from pydantic import Field

from kit.settings import Duration, Env, Model, PositiveDuration, Secret, parse_duration


class Server(Model):
    """The public side."""

    issuer: str = "http://localhost:9000"
    """Issuer identifier: what clients, tokens and metadata call this server. HTTPS without trailing slash in production."""
    address: str = ":9000"
    """Public bind of the gateway."""
    allowed_origins: tuple[str, ...] = ()
    """Origins whose scripts may call the token endpoint; empty or `*` admits all, since no credentials are involved."""
    read_timeout: PositiveDuration = parse_duration("30s")
    write_timeout: PositiveDuration = parse_duration("30s")
    idle_timeout: PositiveDuration = parse_duration("120s")
    shutdown_wait: Duration = parse_duration("10s")
    """How long a process may take to finish what it began."""


class Postgres(Model):
    """One database; each service has a schema and a role in it, so each process has its own DSN."""

    dsn: Secret = ""
    max_conns: Annotated[int, Field(ge=0, le=1000)] = 25
    min_conns: Annotated[int, Field(ge=0, le=1000)] = 5
    max_conn_lifetime: Duration = parse_duration("1h")
    max_conn_idle_time: Duration = parse_duration("30m")


class Sqlite(Model):
    """Known so that a file written for it is answered in words; not supported."""

    path: str = "data/authserver.db"
    wal: bool = True


class Storage(Model):
    """Where state is kept."""

    driver: str = "postgres"
    sqlite: Sqlite = Sqlite()
    postgres: Postgres = Postgres()


class Redis(Model):
    """Expiring facts: replay ids, nonces, lockouts, rates."""

    url: Secret = "redis://localhost:6379/0"


class Runtime(Model):
    """The process itself."""

    state_dir: Annotated[str, Env("STATE_DIR")] = "data"
    workers: Annotated[int, Env("WORKERS"), Field(ge=0, le=256)] = 0
    """Processes sharing the service's ports; 0 = the service's own default."""


class Listen(Model):
    """Internal listeners: `unix:/path` or `host:port`. Only the gateway reaches `http`, only the services `rpc`."""

    http: str = ":8080"
    rpc: str = ":9090"


class Rpc(Model):
    """This process's certificate and the authority that names all of them."""

    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""


class Peers(Model):
    """Where the other services answer."""

    registry: str = "registry:9090"
    authorize: str = "authorize:9090"
    token: str = "token:9090"  # noqa: S105 - an address
    vault: str = "vault:9090"
    audit: str = "audit:9090"
