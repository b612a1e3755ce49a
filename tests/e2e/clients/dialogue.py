"""Runs a client in a process of its own and is the person it asks for.

A client script gets its task as JSON in its one argument. Where it would open a browser it prints `{"open": url, "redirect_uri": uri}`
and reads from standard input the URL the browser came back to; its last word is `{"result": …}`.
"""

import asyncio
import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from cli.demo.user_agent import HeadlessPerson
from tests.e2e.clients.installed import node, node_client, python_of

HERE = Path(__file__).parent
SECONDS = 60.0


async def run_node(client: str, script: str, task: Mapping[str, Any], person: HeadlessPerson) -> dict[str, Any]:
    """The result of `script` of the JavaScript client `client`."""
    folder = await asyncio.to_thread(node_client, client)
    return await converse([str(node().executable), str(folder / script), json.dumps(task)], person, environ=node().environ)


async def run_python(environment: str, script: str, task: Mapping[str, Any], person: HeadlessPerson) -> dict[str, Any]:
    """The result of a Python script, in the environment of requirements/<environment>.txt."""
    python = await asyncio.to_thread(python_of, environment)
    return await converse([str(python), str(HERE / script), json.dumps(task)], person)


async def converse(
    command: list[str], person: HeadlessPerson, *, environ: Mapping[str, str] = MappingProxyType({}), seconds: float = SECONDS
) -> dict[str, Any]:
    """The result the process tells. Raises AssertionError with everything it said when it ends without one."""
    process = await asyncio.create_subprocess_exec(
        *command,
        env={**os.environ, **environ},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=1 << 20,
    )
    assert process.stderr is not None
    complaints = asyncio.create_task(process.stderr.read())
    said: list[str] = []
    try:
        result = await asyncio.wait_for(_listen(process, person, said), seconds)
        await asyncio.wait_for(process.wait(), 10)
    except TimeoutError:
        result = None
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    if result is None:
        raise AssertionError(f"{Path(command[1]).name} told no result\n{chr(10).join(said)}\n{(await complaints).decode(errors='replace')}")
    return result


async def _listen(process: asyncio.subprocess.Process, person: HeadlessPerson, said: list[str]) -> dict[str, Any] | None:
    assert process.stdout is not None
    assert process.stdin is not None
    async for raw in process.stdout:
        line = raw.decode(errors="replace").rstrip()
        said.append(line)
        word = _object(line)
        if "result" in word:
            return dict(word["result"])
        if "open" in word:
            arrival = await person.authorize(word["open"], word["redirect_uri"])
            process.stdin.write(arrival.url.encode() + b"\n")
            await process.stdin.drain()
    return None


def _object(line: str) -> dict[str, Any]:
    """The line as a JSON object; anything else a client prints is not meant for us."""
    with contextlib.suppress(json.JSONDecodeError):
        word = json.loads(line)
        if isinstance(word, dict):
            return word
    return {}
