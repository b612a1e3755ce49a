"""`make bench`: starts a plane of its own, loads it, and prints what every process spent on one token."""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from rich.console import Console
from rich.table import Table

from benchmarks.cost import cpu_seconds, memory_mib, signature_cost
from benchmarks.load import Outcome, run
from benchmarks.scenarios import Scenario, Target, client_credentials
from deploy.local.places import Places

BUDGET = {"direct": 8.0, "gateway": 12.0}


@contextmanager
def plane(port_base: int) -> Iterator[dict[str, Any]]:
    """A plane in a directory of its own, by the command users type; rate limits off so that one address may load it."""
    with tempfile.TemporaryDirectory(prefix="ap-bench-") as state:
        where = ["--state-dir", state, "--port-base", str(port_base)]
        config = Path(state) / "bench.yaml"
        config.write_text("rate_limit: {enabled: false}\nobservability: {logging: {level: warn}}\n")
        authserver("dev", "--detach", "--config", str(config), *where)
        try:
            yield json.loads(authserver("dev", "--status", "--json", *where))
        finally:
            authserver("dev", "--stop", *where)


def authserver(*arguments: str) -> str:
    """Runs the command line and answers what it printed. Raises CalledProcessError when it fails."""
    return subprocess.run([sys.executable, "-m", "cli.main", *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout


def pids_of(status: dict[str, Any]) -> dict[str, int]:
    """Process ids of everything a token request passes, by name."""
    wanted = {"gateway", "token", "postgres", "registry", "audit", "valkey"}
    return {name: entry["pid"] for name, entry in status["services"].items() if name in wanted}


async def measure(scenario: Scenario, place: str, address: str, connections: int, seconds: float, pids: dict[str, int]) -> dict[str, Any]:
    """One run: a short warm-up, then the timed part with CPU read before and after."""
    await run(address, scenario.make, connections=connections, seconds=1.0)
    before = cpu_seconds(pids)
    outcome: Outcome = await run(address, scenario.make, connections=connections, seconds=seconds)
    # The audit drain works behind the requests; what it spends belongs to them.
    await asyncio.sleep(1.0)
    spent = {name: after - before[name] for name, after in cpu_seconds(pids).items()}
    count = max(1, len(outcome.latencies))
    return {
        "scenario": scenario.name,
        "place": place,
        "connections": connections,
        "per_second": round(outcome.per_second),
        "p50_ms": round(outcome.percentile(0.50), 2),
        "p99_ms": round(outcome.percentile(0.99), 2),
        "refused": outcome.refused,
        "first_refusal": outcome.first_refusal,
        "us_per_token": {name: round(1e6 * value / count, 1) for name, value in spent.items()},
    }


def hot(result: dict[str, Any]) -> float:
    """CPU µs per token of what stands between the client and its answer: gateway, token and Postgres."""
    spent: dict[str, float] = result["us_per_token"]
    return sum(spent.get(name, 0.0) for name in ("gateway", "token", "postgres"))


def report(results: list[dict[str, Any]], n: float, memory: dict[str, float]) -> None:
    """The table people quote: rates, latencies, CPU per token by process, and the ratio to one signature."""
    console = Console(width=168)
    names = sorted({name for result in results for name in result["us_per_token"]})
    table = Table(title=f"CPU µs per token; N = one ES256 signature = {n:.1f} µs in this run")
    for heading in ("scenario", "through", "conns", "req/s", "p50 ms", "p99 ms", "refused", *names, "hot path", "in N", "budget"):
        table.add_column(heading, justify="right")
    for result in results:
        total = hot(result)
        cells = [
            result["scenario"],
            result["place"],
            *(str(result[key]) for key in ("connections", "per_second", "p50_ms", "p99_ms", "refused")),
        ]
        cells += [f"{result['us_per_token'].get(name, 0.0):.0f}" for name in names]
        table.add_row(*cells, f"{total:.0f}", f"{total / n:.1f}", f"{BUDGET[result['place']]:.0f}")
    console.print(table)
    console.print("proportional memory, MiB: " + ", ".join(f"{name} {value:.0f}" for name, value in sorted(memory.items())))
    for result in results:
        if result["refused"]:
            console.print(f"[red]{result['refused']} refused through {result['place']}:[/] {result['first_refusal'][:300]}")


async def bench(arguments: argparse.Namespace) -> int:
    """Runs every scenario at every place and concurrency. Answers 1 when anything was refused."""
    with plane(arguments.port_base) as status:
        issuer = urlsplit(status["issuer"])
        target = Target(issuer.netloc, status["admin_url"], status["admin_api_key"], status["demo_resource"])
        scenario = client_credentials(target, arguments.scope)
        pids = pids_of(status)
        places = {"direct": f"unix:{Places(Path(status['state_dir'])).sockets / 'token.sock'}", "gateway": f"127.0.0.1:{issuer.port}"}
        n = signature_cost()
        results = [
            await measure(scenario, place, address, connections, arguments.seconds, pids)
            for place, address in places.items()
            for connections in (1, 16, 64)
        ]
        everything = {name: entry["pid"] for name, entry in status["services"].items()}
        report(results, n, memory_mib(everything))
    keep(arguments.json, n, results)
    return int(any(result["refused"] for result in results))


def keep(path: str, n: float, results: list[dict[str, Any]]) -> None:
    """Writes the figures to `path` as JSON, if one was given."""
    if path:
        Path(path).write_text(json.dumps({"when": time.time(), "n_us": n, "results": results}, indent=1))


def main() -> int:
    """Reads the arguments and runs."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="length of each timed run")
    parser.add_argument("--port-base", type=int, default=19400)
    parser.add_argument("--scope", default="notes:read")
    parser.add_argument("--json", default="", help="also write the figures here")
    return asyncio.run(bench(parser.parse_args()))


if __name__ == "__main__":
    sys.exit(main())
