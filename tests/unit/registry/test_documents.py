"""Rules of client metadata documents: target C5; wire contract §3.4; draft-ietf-oauth-client-id-metadata-document."""

from datetime import timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.errors import InvalidClient, Unavailable
from kit.oauth import AuthMethod, GrantType
from services.registry import documents
from services.registry.metadata import Rules
from services.registry.model import Metadata
from services.registry.ports import Response
from tests.support.clock import MIDSUMMER

URL = "https://client.example/oauth/metadata.json"
RULES = Rules(frozenset(GrantType), documents.AUTH_METHODS, unnamed="client.example")
HOUR = timedelta(hours=1)
KEYS = {"keys": [{"kty": "EC", "crv": "P-256", "x": "x", "y": "y"}]}


def response(status: int = 200, content_type: str = "application/json", **members: Any) -> Response:
    document = {"client_id": URL, "client_name": "App", "redirect_uris": ["https://client.example/cb"]} | members
    body = orjson.dumps({name: value for name, value in document.items() if value is not ...})
    return Response(status, {"content-type": content_type}, body)


def read(answer: Response) -> Metadata:
    return documents.read(URL, answer, RULES)


@pytest.mark.parametrize("url", [URL, "https://client.example/a", "https://client.example:8443/a?b=c", "https://client.example/a/"])
def test_urls_with_a_path_are_client_ids(url: str) -> None:
    documents.require_document_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://client.example/a",
        "https://client.example",
        "https://client.example/",
        "https://client.example//",
        "https://client.example/./a",
        "https://client.example/../a",
        "https://client.example/a/%2e%2e/b",
        "https://client.example/a/..;x/b",
        "https://client.example/.",
        "https://client.example/a#f",
        "https://user@client.example/a",
        "https://user:pass@client.example/a",
        "https:///a",
        "https://client.example/ a",
        "https://client.example/a\n",
        "https://client.example\\a",
        "https://[::1/a",
        "https://client.example:99999/a",
        "https://clïent.example/a",
        "https://client.example/" + "a" * 2048,
        "ftp://client.example/a",
    ],
)
def test_other_urls_are_not(url: str) -> None:
    """Draft §3: https, a path, no dot segments, no fragment, no user information."""
    with pytest.raises(InvalidClient):
        documents.require_document_url(url)


def test_http_is_for_development_only() -> None:
    documents.require_document_url("http://localhost:8443/client.json", require_https=False)


def test_a_document_becomes_a_public_client() -> None:
    metadata = read(response(scope="admin", client_id_issued_at=1))
    assert (metadata.name, metadata.auth_method) == ("App", AuthMethod.NONE)
    assert metadata.grant_types == ("authorization_code", "refresh_token")


def test_a_document_may_bring_keys() -> None:
    """C2."""
    metadata = read(response(token_endpoint_auth_method="private_key_jwt", jwks_uri="https://client.example/jwks"))
    assert metadata.auth_method is AuthMethod.PRIVATE_KEY_JWT
    assert read(response(token_endpoint_auth_method="private_key_jwt", jwks=KEYS)).jwks


def test_choices_of_authentication_are_honoured() -> None:
    """C4."""
    metadata = read(response(token_endpoint_auth_method="client_secret_basic", token_endpoint_auth_methods_supported=["none"]))
    assert metadata.auth_method is AuthMethod.NONE


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (response(client_id="https://client.example/oauth/metadata.json/"), "client_id is not the URL"),
        (response(client_id="https://CLIENT.example/oauth/metadata.json"), "client_id is not the URL"),
        (response(client_id=...), "client_id is not the URL"),
        (response(client_id=[URL]), "client_id is not the URL"),
        (response(redirect_uris=...), "redirect_uris"),
        (response(redirect_uris=[]), "redirect_uris"),
        (response(redirect_uris="https://client.example/cb"), "redirect_uris"),
        (response(redirect_uris=["javascript:alert(1)"]), "redirect_uris[0]"),
        (response(redirect_uris=["http://localhost.evil.test/cb"]), "redirect_uris[0]"),
        (response(grant_types=["client_credentials"], redirect_uris=[]), "grant_types"),
        (response(client_secret="x"), "client secret"),
        (response(client_secret_expires_at=0), "client secret"),
        (response(token_endpoint_auth_method="client_secret_basic"), "token_endpoint_auth_method"),
        (response(token_endpoint_auth_method="private_key_jwt"), "needs jwks"),
        (response(content_type="text/html"), "application/json"),
        (response(content_type="application/jsonp"), "application/json"),
        (response(content_type=""), "application/json"),
        (response(404), "no document"),
        (response(410), "no document"),
        (response(301), "redirects"),
        (response(304), "redirects"),
        (Response(200, {"content-type": "application/json"}, b"["), "not JSON"),
        (Response(200, {"content-type": "application/json"}, b"[" * 50_000), "not JSON"),
        (Response(200, {"content-type": "application/json"}, b"[]"), "not a JSON object"),
        (Response(200, {"content-type": "application/json"}, b'{"client_id": "a", "client_id": "b"}'), "not JSON"),
        (Response(200, {"content-type": "application/json"}, b" " * (documents.LARGEST + 1)), "larger"),
    ],
)
def test_an_unacceptable_document_is_refused_with_its_cause(answer: Response, cause: str) -> None:
    """C5, K6."""
    with pytest.raises(InvalidClient) as refused:
        read(answer)
    assert cause in refused.value.detail


@pytest.mark.parametrize("status", [201, 401, 403, 429, 500, 502, 503])
def test_other_answers_mean_that_no_document_came(status: int) -> None:
    """C5: a distinct fault."""
    with pytest.raises(Unavailable):
        read(response(status))


@pytest.mark.parametrize("content_type", ["application/json", "Application/JSON; charset=utf-8", "application/client-id+json"])
def test_json_media_types_are_read(content_type: str) -> None:
    assert read(response(content_type=content_type)).name == "App"


def test_a_nameless_document_is_called_by_its_host() -> None:
    assert read(response(client_name=...)).name == "client.example"


@pytest.mark.parametrize(
    ("headers", "fresh", "stale"),
    [
        ({}, 3600, True),
        ({"cache-control": "max-age=600"}, 600, True),
        ({"cache-control": "public, MAX-AGE=600"}, 600, True),
        ({"cache-control": 'max-age="600"'}, 600, True),
        ({"cache-control": "max-age=600", "age": "500"}, 100, True),
        ({"cache-control": "max-age=1"}, 60, True),
        ({"cache-control": "max-age=999999999999999999999"}, 3600, True),
        ({"cache-control": "max-age=600, s-maxage=120"}, 120, True),
        ({"cache-control": "max-age=soon"}, 3600, True),
        ({"cache-control": "no-cache"}, 0, True),
        ({"cache-control": "no-store, max-age=600"}, 0, False),
        ({"expires": "0"}, 60, True),
        ({"expires": "Sun, 21 Jun 2026 12:10:00 GMT"}, 600, True),
        ({"expires": "Sun, 21 Jun 2026 12:10:00 GMT", "date": "Sun, 21 Jun 2026 12:05:00 GMT"}, 300, True),
        ({"expires": "Sun, 21 Jun 1926 12:10:00 GMT"}, 60, True),
        ({"cache-control": ",,;=,"}, 3600, True),
    ],
)
def test_http_headers_decide_how_long_a_reading_lasts(headers: dict[str, str], fresh: int, *, stale: bool) -> None:
    """C5; RFC 9111 §4.2; between a minute and cimd.cache_ttl, then a day in reserve."""
    life = documents.freshness(headers, MIDSUMMER, HOUR)
    assert life.fresh_until == MIDSUMMER + timedelta(seconds=fresh)
    assert (life.stale_until - life.fresh_until == timedelta(hours=24)) is stale


@given(st.dictionaries(st.sampled_from(["cache-control", "expires", "age", "date"]), st.text(max_size=60)))
def test_no_header_makes_a_reading_last_longer_than_allowed(headers: dict[str, str]) -> None:
    life = documents.freshness(headers, MIDSUMMER, HOUR)
    assert MIDSUMMER <= life.fresh_until <= MIDSUMMER + HOUR
