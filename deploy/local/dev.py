"""`authserver dev`: one plane on this machine, in the foreground or beside you.

Owns the order of things (ports, folders, supervisor, seeds, banner) and what `--status` says.
"""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from deploy.local import demo_objects, environment, running, secret_file, stack
from deploy.local.certs import Authority
from deploy.local.occupied import occupied
from deploy.local.places import ROOT, Places, Ports
from deploy.local.seed import seed
from deploy.local.supervisor import StartFailed, Supervisor

Say = Callable[[str], None]
_DETACHED_PATIENCE = 180.0


class CannotStart(Exception):
    """The plane was not started; the message says why and what to do about it."""


def foreground(places: Places, base: int | None, config: Path | None, say: Say, when_ready: Callable[[], None]) -> None:
    """Run the plane until it is interrupted. Raises CannotStart; nothing is left running then."""
    places.create()
    try:
        with running.owned(places):
            for line in running.clear_leftovers(places):
                say(line)
            ports = Ports.from_base(base)
            require_free(ports)
            asyncio.run(_run(places, ports, config, say, when_ready))
    except running.AlreadyRunning as already:
        raise CannotStart(f"{already}. See it with `authserver dev --status`, stop it with `authserver dev --stop`.") from already
    except (StartFailed, RuntimeError) as failed:
        raise CannotStart(str(failed)) from failed


def require_free(ports: Ports) -> None:
    """Raises CannotStart naming every port that is taken, and by whom, before anything has been started."""
    taken = occupied(ports)
    if taken:
        listing = "\n".join(f"  {row}" for row in taken)
        raise CannotStart(
            f"nothing was started, because\n{listing}\nStop that process, or choose other ports: authserver dev --port-base 9100"
        )


async def _run(places: Places, ports: Ports, config: Path | None, say: Say, when_ready: Callable[[], None]) -> None:
    plane = await asyncio.to_thread(stack.prepare, places, ports, config)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(name, stop.set)
    facts = {"pid": os.getpid(), "state": "starting", "issuer": plane.issuer, "ports": _ports_json(ports)}

    def report() -> None:
        services = {name: state.as_json() for name, state in supervisor.states.items()}
        running.write(places, facts | {"services": services})

    async def everything_is_up() -> None:
        for line in await seed(plane):
            say(line)
        facts["state"] = "ready"
        report()
        when_ready()

    supervisor = Supervisor(stack.programs(plane), say=say, report=report)
    try:
        await supervisor.run(stop, everything_is_up)
    finally:
        places.running.unlink(missing_ok=True)


def detached(places: Places, base: int | None, config: Path | None) -> None:
    """Start the plane in the background and return when it is ready. Raises CannotStart with what it said."""
    places.create()
    if running.is_running(places):
        raise CannotStart(f"a plane is already running from {places.state}; stop it with `authserver dev --stop`")
    require_free(Ports.from_base(base))
    log = places.logs / "stack.log"
    log.unlink(missing_ok=True)
    command = [sys.executable, "-m", "cli.main", "dev", "--in-background", "--state-dir", str(places.state)]
    command += ["--port-base", str(base)] if base is not None else []
    command += ["--config", str(config.resolve())] if config else []
    with log.open("ab") as output:
        child = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True)
    deadline = time.monotonic() + _DETACHED_PATIENCE
    while running.read(places).get("state") != "ready" or not running.is_running(places):
        if child.poll() is not None:
            said = log.read_text(encoding="utf-8").strip()
            raise CannotStart(said.rpartition("error: ")[2])
        if time.monotonic() > deadline:
            child.terminate()
            child.wait()
            raise CannotStart(f"not ready after {_DETACHED_PATIENCE:g} s; see {log}")
        time.sleep(0.1)


def status(places: Places) -> dict[str, Any] | None:
    """All there is to know about the running plane, its admin key and demo login included; None when it is not running."""
    facts = running.read(places)
    if not facts or not running.is_running(places):
        return None
    secrets = secret_file.read(places.secrets)
    ports = Ports(**facts["ports"])
    demo = Authority(places.certs).pair("demo")
    return {
        "state": facts["state"],
        "issuer": facts["issuer"],
        "admin_url": f"http://localhost:{ports.admin}",
        "console_url": f"http://localhost:{ports.admin}/admin/ui/",
        "admin_api_key": secrets.get("ADMIN_API_KEY", ""),
        "demo_mcp_url": demo_objects.resource_uri(ports),
        "demo_resource": demo_objects.resource_uri(ports),
        "demo_user": {"email": demo_objects.EMAIL, "password": secrets.get("DEMO_USER_PASSWORD", "")},
        "demo_client": {"client_id": secrets.get("DEMO_CLIENT_ID", ""), "client_secret": secrets.get("DEMO_CLIENT_SECRET", "")},
        "client_metadata": {"port": ports.demo_https, "certificate": str(demo.certificate), "key": str(demo.key)},
        "ca_file": str(Authority(places.certs).ca),
        "state_dir": str(places.state),
        "pid": facts["pid"],
        "services": {name: {"pid": row["pid"], "ready": row["ready"]} for name, row in facts["services"].items()},
    }


def default_issuer(base: int | None) -> str:
    """The issuer of a plane nobody configured."""
    return environment.default_issuer(Ports.from_base(base))


def _ports_json(ports: Ports) -> dict[str, int]:
    return {name: getattr(ports, name) for name in Ports.__slots__}
