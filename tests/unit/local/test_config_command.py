"""`authserver config` (O7): validated as a whole, printed redacted."""

from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from cli.failure import Failure
from cli.main import application


def run(*arguments: str) -> str:
    result = CliRunner().invoke(application(["config"]), ["config", *arguments], catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def test_the_defaults_are_a_good_configuration() -> None:
    assert "the configuration is good" in run("check", "--service", "registry")


def test_every_problem_is_listed_at_once(tmp_path: Path) -> None:
    file = tmp_path / "plane.yaml"
    file.write_text("server: {issuer: 'http://auth.example'}\ndcr: {mode: nonsense}\nsurprise: 1\n")
    with pytest.raises(Failure) as refused:
        run("check", "--config", str(file))
    assert "dcr.mode" in str(refused.value)
    assert "surprise" in str(refused.value)


def test_what_is_printed_names_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTHPLANE_ADMIN_API_KEY", "a-key-nobody-should-see")
    file = tmp_path / "plane.yaml"
    file.write_text("dcr: {default_token_expiry: 90m}\nusers: [{email: ada@example.com, password: a-long-password-of-hers}]\n")
    output = run("show", "--config", str(file))
    assert "nobody-should-see" not in output
    assert "of-hers" not in output
    shown = yaml.safe_load(output)
    assert shown["admin"]["api_key"] == "(set, not shown)"
    assert shown["dcr"]["default_token_expiry"] == "1h30m"
