"""The lockout across two processes of the service, as operators run it (C9, wire contract §4.7 and §12.3)."""

import asyncio
from collections import Counter
from pathlib import Path

import httpx

from cli.demo.user_agent import forms_of
from kit.pg import open_pool
from tests.integration.authorize.peers import running_peers
from tests.integration.authorize.test_process import running
from tests.support.servers import Database
from tests.support.tls import Authority

MOST = 10


async def attempts(http: httpx.AsyncClient, *passwords: str, address: str = "203.0.113.9") -> list[httpx.Response]:
    headers = {"x-authplane-client-address": address}
    [form] = forms_of(await http.get("/login", headers=headers))
    filled = [form.filled(email="demo@example.com", password=password) for password in passwords]
    return list(await asyncio.gather(*(http.post("/login", data=data, headers=headers) for data in filled)))


async def test_two_processes_count_together_and_lock_once(authorize_database: Database, valkey_url: str, tmp_path: Path) -> None:
    authority = Authority(tmp_path / "certs")
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    async with (
        running_peers(authority) as peers,
        running(authorize_database, valkey_url, peers, authority, tmp_path / "one") as (one, _),
        running(authorize_database, valkey_url, peers, authority, tmp_path / "two") as (two, _),
    ):
        guesses = [f"guess {number}" for number in range(8)]
        answers = [*await attempts(one, *guesses[:4]), *await attempts(two, *guesses[:4])]
        assert {answer.status_code for answer in answers} == {422}
        burst = await asyncio.gather(attempts(one, *guesses), attempts(two, *guesses))
        assert Counter(answer.status_code for half in burst for answer in half) == {422: 2, 429: 14}
        for http in (one, two):
            [answer] = await attempts(http, "correct horse battery")
            assert (answer.status_code, answer.headers["content-type"]) == (429, "text/html; charset=utf-8")
            assert 880 < int(answer.headers["retry-after"]) <= 900
        [elsewhere] = await attempts(two, "correct horse battery", address="198.51.100.1")
        assert elsewhere.status_code == 303
    pool = await open_pool(authorize_database.superuser_dsn, application_name="test")
    rows = await pool.fetch("SELECT event->>'action' AS action, event->>'ip' AS ip FROM audit.outbox")
    await pool.close()
    recorded = Counter((row["action"], row["ip"]) for row in rows)
    assert recorded["user.login_failed", "203.0.113.9"] == MOST
    assert recorded["auth.locked_out", "203.0.113.9"] == 1
