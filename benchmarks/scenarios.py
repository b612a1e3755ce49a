"""What is measured: each scenario prepares itself on the running plane and yields the requests to repeat."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode

import httpx

from benchmarks.load import RequestMaker, post_form

FORM = "/oauth/token"


@dataclass(frozen=True)
class Target:
    """The running plane, as the benchmark sees it."""

    host: str
    admin_url: str
    admin_api_key: str
    resource: str


@dataclass(frozen=True)
class Scenario:
    """A name to print and a maker of requests."""

    name: str
    make: RequestMaker


def basic(client_id: str, client_secret: str) -> str:
    """An RFC 6749 §2.3.1 Basic header: both halves form-encoded."""
    pair = f"{quote(client_id, safe='')}:{quote(client_secret, safe='')}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


def machine_client(target: Target, scope: str) -> tuple[str, str]:
    """Registers a confidential client for the run and answers its id and secret."""
    answer = httpx.post(
        f"{target.admin_url}/admin/clients",
        headers={"Authorization": f"Bearer {target.admin_api_key}"},
        json={
            "client_name": "benchmark",
            "grant_types": ["client_credentials"],
            "token_endpoint_auth_method": "client_secret_basic",
            "scope": scope,
        },
    )
    answer.raise_for_status()
    created: Mapping[str, str] = answer.json()
    return created["client_id"], created["client_secret"]


def client_credentials(target: Target, scope: str) -> Scenario:
    """A machine asks for a token: signed, committed with its audit row, answered."""
    client_id, secret = machine_client(target, scope)
    body = urlencode({"grant_type": "client_credentials", "resource": target.resource}).encode()
    request = post_form(FORM, target.host, body, {"Authorization": basic(client_id, secret)})
    return Scenario("client_credentials", lambda: request)
