"""Log lines: one JSON object each, and no credential in any of them."""

import logging
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
import structlog

from kit import log


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(capfdbinary: pytest.CaptureFixture[bytes]) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in capfdbinary.readouterr().out.splitlines()]


def test_a_line_says_what_where_and_when(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    log.setup("token", "info", "json")
    structlog.contextvars.bind_contextvars(request_id="req-1")
    log.get("services.token").info("grant.refused", client_id="c1")
    (line,) = lines(capsysbinary)
    assert line.pop("time").endswith("Z")
    assert line == {
        "event": "grant.refused",
        "client_id": "c1",
        "level": "info",
        "service": "token",
        "module": "services.token",
        "request_id": "req-1",
    }


def test_what_is_named_like_a_credential_is_not_written(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    log.setup("token", "info", "json")
    log.get("x").info(
        "a.b", client_secret="c", code="c", Authorization="c", detail={"refresh_token": "c", "deep": {"password": "c"}}, set_cookie="c"
    )
    (line,) = lines(capsysbinary)
    assert '"c"' not in orjson.dumps(line).decode()
    assert line["client_secret"] == log.REDACTED


@pytest.mark.parametrize("name", ["access_token", "client_secret", "code", "DPoP", "set-cookie", "client_assertion", "code_verifier"])
def test_names_of_credentials_are_known(name: str) -> None:
    assert log.is_secret_name(name)


@pytest.mark.parametrize("name", ["token_type", "status_code", "request_id", "client_id", "error", "secret_digest_version", "codes"])
def test_other_names_are_left_alone(name: str) -> None:
    assert not log.is_secret_name(name)


def test_a_level_below_the_threshold_is_silent(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    log.setup("token", "warn", "json")
    logger = log.get("x")
    logger.info("a.b")
    logger.debug("a.b")
    logger.warning("a.c")
    assert [line["event"] for line in lines(capsysbinary)] == ["a.c"]


def test_an_exception_is_written_with_its_traceback(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    log.setup("token", "info", "json")
    try:
        raise KeyError("k")
    except KeyError as error:
        log.get("x").error("a.b", exc_info=error)
    (line,) = lines(capsysbinary)
    assert "KeyError: 'k'" in line["exception"]


@pytest.mark.parametrize("fact", ["\ud800", 2**70, object(), {1: b"x"}])
def test_a_fact_that_json_cannot_hold_costs_neither_line_nor_request(fact: Any, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    log.setup("token", "info", "json")
    log.get("x").info("a.b", fact=fact)
    assert b"a.b" in capsysbinary.readouterr().out


def test_libraries_speak_in_the_same_form_from_warning_up(capsys: pytest.CaptureFixture[str]) -> None:
    log.setup("token", "info", "json")
    logging.getLogger("library").info("quiet")
    logging.getLogger("library").warning("loud %s", "x")
    (line,) = [orjson.loads(text) for text in capsys.readouterr().out.splitlines()]
    assert (line["event"], line["level"], line["service"]) == ("loud x", "warning", "token")


def test_text_is_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    log.setup("token", "info", "text", add_source=True)
    log.get("x").info("a.b", password="c")
    written = capsys.readouterr().out
    assert "a.b" in written
    assert "test_log.py" in written
    assert log.REDACTED in written


@pytest.mark.parametrize("fmt", ["json", "text"])
def test_a_traceback_shows_no_local_variable(capfd: pytest.CaptureFixture[str], fmt: str) -> None:
    """Law 9: what a crashing handler held in its hands does not reach the log."""
    log.setup("token", "info", fmt)
    held = "local in a s3cr3t"[::-1]

    def crash(form: str) -> None:
        raise RuntimeError(f"crashed with {len(form)} characters")

    try:
        crash(held)
    except RuntimeError:
        log.get("test").exception("http.crashed")
    shown = capfd.readouterr().out
    assert "crashed with" in shown
    assert held not in shown
