"""Keeps the programs of a plane running: starts each when what it needs is ready, restarts what ends, stops all in reverse.

Owns lifetimes; leaves what the programs are to the start table. Nothing survives it: every child is in a session of its own and
is told by the kernel when the supervisor ends, however it ends.
"""

import asyncio
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.local import process

_STARTING_PATIENCE = 60.0
_ATTEMPTS_BEFORE_FIRST_READY = 2
_LIVED_WELL = 30.0
_BACK_OFF = (0.5, 1.0, 2.0, 4.0, 8.0, 10.0)
_PROBE_EVERY = 0.1
_WATCH_EVERY = 0.25
_HEALTH_EVERY = 5.0
_TAIL_LINES = 12


class StartFailed(Exception):
    """A program the plane cannot do without did not come up; the message says which, and what it said last."""


@dataclass(frozen=True, slots=True)
class Program:
    """One row of the start table, made concrete."""

    name: str
    command: Sequence[str]
    environ: Mapping[str, str]
    log: Path
    directory: Path
    probe: Callable[[], Awaitable[bool]]
    needs: tuple[str, ...] = ()
    first_ready: Callable[[], Awaitable[None]] | None = None
    account: int | None = None
    end_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = signal.SIGTERM
    optional: bool = False
    patience: float = 12.0


@dataclass(slots=True)
class State:
    """What is known about a program right now."""

    process: subprocess.Popen[bytes] | None = None
    ready: bool = False
    restarts: int = 0
    started: float = 0.0

    def as_json(self) -> dict[str, object]:
        """For running.json."""
        pid = self.process.pid if self.process and self.process.poll() is None else None
        return {"pid": pid, "ready": self.ready, "restarts": self.restarts, "started": self.started}


class Supervisor:
    """One plane's programs. `say` prints a line to the operator; `report` is called whenever something changed."""

    def __init__(self, programs: Sequence[Program], *, say: Callable[[str], None], report: Callable[[], None]) -> None:
        self._programs = tuple(programs)
        self._say = say
        self._report = report
        self._up = {program.name: asyncio.Event() for program in programs}
        self.states = {program.name: State() for program in programs}

    async def run(self, stop: asyncio.Event, when_ready: Callable[[], Awaitable[None]]) -> None:
        """Start everything, call `when_ready`, keep it running until `stop`, end it in reverse order.

        Raises StartFailed when a program does not come up the first time; everything is stopped by then.
        """
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._keep(program), name=program.name) for program in self._programs]
                tasks.append(group.create_task(self._everything_up(when_ready)))
                await stop.wait()
                for task in tasks:
                    task.cancel()
        except* StartFailed as failed:
            first = failed.exceptions[0]
        else:
            return
        finally:
            self._end_all()
        raise StartFailed(str(first))

    async def _everything_up(self, when_ready: Callable[[], Awaitable[None]]) -> None:
        for program in self._programs:
            await self._up[program.name].wait()
        await when_ready()

    async def _keep(self, program: Program) -> None:
        for need in program.needs:
            await self._up[need].wait()
        failures = 0
        while True:
            began = time.monotonic()
            state = self.states[program.name]
            state.process = process.spawn(
                program.command,
                environ=program.environ,
                log=program.log,
                directory=program.directory,
                account=program.account,
                death_signal=program.death_signal,
            )
            state.started = time.time()
            self._report()
            ended = await self._live(program, state, state.process)
            state.ready = False
            self._report()
            failures = 0 if time.monotonic() - began > _LIVED_WELL else failures + 1
            if not self._up[program.name].is_set() and failures >= _ATTEMPTS_BEFORE_FIRST_READY:
                if program.optional:
                    self._say(f"{program.name} does not start ({ended}); the plane runs without it. Log: {program.log}")
                    self._up[program.name].set()
                    return
                raise StartFailed(f"{program.name} does not start ({ended}). Its last words, from {program.log}:\n{_tail(program.log)}")
            pause = _BACK_OFF[min(max(failures - 1, 0), len(_BACK_OFF) - 1)]
            self._say(f"{program.name} ended ({ended}); starting it again in {pause:g} s. Log: {program.log}")
            state.restarts += 1
            await asyncio.sleep(pause)

    async def _live(self, program: Program, state: State, child: subprocess.Popen[bytes]) -> str:
        """From start to end of one process; returns how it ended."""
        deadline = time.monotonic() + _STARTING_PATIENCE
        while child.poll() is None and not state.ready:
            if await program.probe():
                if not self._up[program.name].is_set() and program.first_ready:
                    await program.first_ready()
                state.ready = True
            elif time.monotonic() > deadline:
                process.end(child, program.end_signal, patience=2)
                return f"not ready after {_STARTING_PATIENCE:g} s"
            else:
                await asyncio.sleep(_PROBE_EVERY)
        if state.ready:
            self._up[program.name].set()
            self._report()
        await self._watch(program, state, child)
        code = child.returncode
        return f"exit code {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}"

    async def _watch(self, program: Program, state: State, child: subprocess.Popen[bytes]) -> None:
        asked = time.monotonic()
        while child.poll() is None:
            await asyncio.sleep(_WATCH_EVERY)
            if time.monotonic() - asked < _HEALTH_EVERY:
                continue
            asked = time.monotonic()
            healthy = await program.probe()
            if healthy != state.ready and child.poll() is None:
                state.ready = healthy
                self._say(f"{program.name} is {'ready again' if healthy else 'running but not ready'}")
                self._report()

    def _end_all(self) -> None:
        for program in reversed(self._programs):
            state = self.states[program.name]
            if state.process is not None:
                process.end(state.process, program.end_signal, patience=program.patience)
                state.ready = False
        self._report()


def _tail(log: Path) -> str:
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return "(no log)"
    return "\n".join(f"  {line}" for line in lines[-_TAIL_LINES:])
