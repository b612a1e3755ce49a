"""Lifetimes of real (tiny) processes: order, restart, refusal to start, and that nothing is left behind."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from deploy.local.supervisor import Program, StartFailed, Supervisor

SLEEP = [sys.executable, "-S", "-c", "import time; time.sleep(60)"]


class Stage:
    """Builds programs in a temporary folder and remembers what was said."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.said: list[str] = []
        self.begun: list[str] = []

    def program(self, name: str, *needs: str, command: list[str] | None = None, optional: bool = False) -> Program:
        async def probe() -> bool:
            if name not in self.begun:
                self.begun.append(name)
            return True

        return Program(
            name=name,
            command=command or SLEEP,
            environ={"PATH": os.environ["PATH"]},
            log=self.folder / f"{name}.log",
            directory=self.folder,
            probe=probe,
            needs=needs,
            optional=optional,
            patience=5,
        )

    def supervisor(self, *programs: Program) -> Supervisor:
        return Supervisor(programs, say=self.said.append, report=lambda: None)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


async def until(condition: Callable[[], bool], seconds: float = 15) -> None:
    async with asyncio.timeout(seconds):
        while True:
            if condition():
                return
            await asyncio.sleep(0.02)


def pids(supervisor: Supervisor) -> list[int]:
    return [state.process.pid for state in supervisor.states.values() if state.process]


async def nothing() -> None:
    """What to do when everything is ready: nothing."""


async def test_programs_start_when_what_they_need_is_ready_and_all_end(stage: Stage) -> None:
    supervisor = stage.supervisor(stage.program("c", "b"), stage.program("b", "a"), stage.program("a"))
    stop, ready = asyncio.Event(), asyncio.Event()

    async def when_ready() -> None:
        ready.set()

    running = asyncio.create_task(supervisor.run(stop, when_ready))
    await asyncio.wait_for(ready.wait(), 15)
    assert stage.begun == ["a", "b", "c"]
    started = pids(supervisor)
    stop.set()
    await running
    assert not [pid for pid in started if psutil.pid_exists(pid)]


async def test_a_killed_program_is_started_again_and_said_so(stage: Stage) -> None:
    supervisor = stage.supervisor(stage.program("a"))
    stop = asyncio.Event()
    running = asyncio.create_task(supervisor.run(stop, nothing))
    await until(lambda: supervisor.states["a"].ready)
    [first] = pids(supervisor)
    os.kill(first, signal.SIGKILL)
    await until(lambda: supervisor.states["a"].ready and pids(supervisor) != [first])
    assert "a ended (killed by SIGKILL); starting it again" in stage.said[0]
    stop.set()
    await running


async def test_a_program_that_never_comes_up_stops_everything_and_quotes_its_log(stage: Stage) -> None:
    broken = stage.program("broken", "a", command=[sys.executable, "-S", "-c", "import sys; sys.exit('the reason')"])
    broken = Program(**{**{name: getattr(broken, name) for name in Program.__slots__}, "probe": never})
    supervisor = stage.supervisor(stage.program("a"), broken)
    with pytest.raises(StartFailed, match="the reason"):
        await asyncio.wait_for(supervisor.run(asyncio.Event(), nothing), 20)
    assert not [pid for pid in pids(supervisor) if psutil.pid_exists(pid)]


async def never() -> bool:
    return False


async def test_an_optional_program_may_fail_without_harm(stage: Stage) -> None:
    broken = stage.program("extra", command=[sys.executable, "-S", "-c", "raise SystemExit(3)"], optional=True)
    broken = Program(**{**{name: getattr(broken, name) for name in Program.__slots__}, "probe": never})
    supervisor = stage.supervisor(stage.program("a"), broken)
    stop = asyncio.Event()
    running = asyncio.create_task(supervisor.run(stop, nothing))
    await until(lambda: any("runs without it" in line for line in stage.said))
    assert supervisor.states["a"].ready
    stop.set()
    await running


async def test_interrupting_before_everything_is_ready_leaves_nothing(stage: Stage) -> None:
    slow = stage.program("slow")
    slow = Program(**{**{name: getattr(slow, name) for name in Program.__slots__}, "probe": never})
    supervisor = stage.supervisor(slow)
    stop = asyncio.Event()
    running = asyncio.create_task(supervisor.run(stop, nothing))
    await until(lambda: bool(pids(supervisor)))
    stop.set()
    await asyncio.wait_for(running, 10)
    assert not [pid for pid in pids(supervisor) if psutil.pid_exists(pid)]


def test_children_do_not_outlive_a_supervisor_that_was_killed(tmp_path: Path) -> None:
    """`kill -9` on the supervisor: the kernel ends what it started."""
    script = textwrap.dedent(
        """
        import os, pathlib, sys, time
        from deploy.local.process import spawn
        folder = pathlib.Path(sys.argv[1])
        child = spawn([sys.executable, "-S", "-c", "import time; time.sleep(60)"], environ={}, log=folder / "log", directory=folder)
        print(child.pid, flush=True)
        time.sleep(60)
        """
    )
    root = Path(__file__).parents[3]
    with subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, cwd=root, text=True) as parent:
        assert parent.stdout
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
        parent.wait()
        _, alive = psutil.wait_procs([child], timeout=10)
        # An orphan nobody reaps yet is a zombie: it has ended.
        assert not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]


def test_nothing_waits_longer_than_it_must() -> None:
    began = time.monotonic()
    child = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(60)"], start_new_session=True)
    from deploy.local.process import end

    end(child, patience=5)
    assert time.monotonic() - began < 3
