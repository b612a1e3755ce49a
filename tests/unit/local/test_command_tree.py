"""`authserver`: every command of the table exists, and naming one does not load the others."""

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from cli.main import COMMANDS, application
from tests.support.servers import ROOT


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str) -> None:
    result = CliRunner().invoke(application([name]), [name, "--help"])
    assert result.exit_code == 0, result.output
    assert "Usage" in result.output


def test_the_overview_lists_all_of_them() -> None:
    output = CliRunner().invoke(application([]), ["--help"]).output
    for name in COMMANDS:
        assert f" {name} " in output


def test_an_unknown_command_is_used_wrongly() -> None:
    assert CliRunner().invoke(application(["nonsense"]), ["nonsense"]).exit_code == 2


def test_the_version_loads_neither_grpc_nor_the_plane() -> None:
    script = "import sys; sys.argv[1:] = ['version']\nfrom cli.main import run\ntry: run()\nexcept SystemExit: pass\n"
    script += "print(sorted({'grpc', 'asyncpg', 'deploy', 'fastapi'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
