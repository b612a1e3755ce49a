"""The application around handlers: dispatch, errors, headers, CORS, one log line."""

from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from kit.errors import AuthPlaneError, ConsentRequired, InvalidClient, InvalidGrant, InvalidRequest, InvalidScope, SlowDown, Unavailable
from kit.http import HttpApp, Reply, Request, Route, html_reply, json_reply, redirect
from tests.support.asgi import answer, call

CANARY = "s3cr3t-canary"


async def echo(request: Request) -> Reply:
    form = await request.form() if request.method == "POST" else request.query
    return json_reply({name: form.one(name) for name in form.names()} | request.path_params)


async def crash(request: Request) -> Reply:
    raise RuntimeError(f"database says {CANARY}")


def failing(error: AuthPlaneError) -> Any:
    async def handler(request: Request) -> Reply:
        raise error

    return handler


def page(request: Request, error: AuthPlaneError) -> Reply:
    return html_reply(f"<p>{error.code} {request.request_id}</p>", error.status)


def app(*more: Route, secure: bool = True, **options: Any) -> HttpApp:
    routes = [
        Route("POST", "/oauth/token", echo, cors=True),
        Route("GET", "/plain", echo),
        Route("GET", "/oauth/register/{id}", echo),
        Route("DELETE", "/oauth/register/{id}", echo),
        Route("GET", "/prm/{rest:path}", echo),
        Route("GET", "/crash", crash),
        Route("GET", "/crash-page", crash, html_errors=page),
        *more,
    ]
    return HttpApp(routes, secure=secure, service="token", **options)


async def test_a_plain_path_reaches_its_handler() -> None:
    found = await answer(
        app(), "POST", "/oauth/token", headers=[("content-type", "application/x-www-form-urlencoded")], body=b"grant_type=x"
    )
    assert (found.status, found.json(), found.messages) == (200, {"grant_type": "x"}, 2)
    assert found.header("content-length") == str(len(found.body))


async def test_path_parameters_match_a_segment_or_the_rest() -> None:
    assert (await answer(app(), "GET", "/oauth/register/abc")).json() == {"id": "abc"}
    assert (await answer(app(), "GET", "/oauth/register/a/b")).status == 404
    assert (await answer(app(), "GET", "/oauth/register/")).status == 404
    assert (await answer(app(), "GET", "/prm/mcp/x")).json() == {"rest": "mcp/x"}


async def test_every_response_carries_the_security_headers_and_its_request_id() -> None:
    for target in ("/plain", "/absent", "/crash"):
        found = await answer(app(), "GET", target, headers=[("x-request-id", "req-1")])
        assert found.header("x-content-type-options") == "nosniff"
        assert found.header("x-frame-options") == "DENY"
        assert found.header("referrer-policy") == "no-referrer"
        assert found.header("content-security-policy") == "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
        assert found.header("cache-control") == "no-store"
        assert found.header("strict-transport-security") == "max-age=63072000; includeSubDomains"
        assert found.header("x-request-id") == "req-1"
    assert (await answer(app(secure=False), "GET", "/plain")).header("strict-transport-security") is None


async def test_a_handlers_own_header_replaces_the_default() -> None:
    async def cached(request: Request) -> Reply:
        return json_reply({}, headers=[("Cache-Control", "public, max-age=300")])

    found = await answer(app(Route("GET", "/jwks", cached)), "GET", "/jwks")
    assert found.header("cache-control") == "public, max-age=300"


async def test_head_is_get_without_the_body() -> None:
    whole, head = await answer(app(), "GET", "/plain?a=1"), await answer(app(), "HEAD", "/plain?a=1")
    assert head.body == b""
    assert head.header("content-length") == whole.header("content-length")


async def test_another_method_is_405_and_says_which_would_do() -> None:
    found = await answer(app(), "PUT", "/oauth/register/abc")
    assert (found.status, found.header("allow"), found.json()["error"]) == (405, "DELETE, GET, HEAD", "invalid_request")


@pytest.mark.parametrize(
    ("accept", "told"),
    [
        ("", "application/problem+json"),
        ("*/*", "application/problem+json"),
        ("application/json", "application/json"),
        ("Application/JSON, text/plain, */*", "application/json"),
        ("application/problem+json, application/json", "application/problem+json"),
    ],
)
async def test_an_error_comes_in_the_media_type_asked_for(accept: str, told: str) -> None:
    """RFC 6749 §5.2 names application/json, RFC 9457 §3 application/problem+json; the body is the same."""
    headers = [("accept", accept)] if accept else []
    found = await answer(app(Route("GET", "/x", failing(InvalidGrant("no")))), "GET", "/x", headers=headers)
    assert found.header("content-type") == told
    assert found.json()["error"] == "invalid_grant"


async def test_errors_have_the_members_of_rfc_6749_and_rfc_9457() -> None:
    error = ConsentRequired("resource notes needs consent", members={"consent_url": "https://a.example/x", "error": "no"}, debug=CANARY)
    found = await answer(app(Route("GET", "/x", failing(error))), "GET", "/x")
    assert found.header("content-type") == "application/problem+json"
    assert found.json() == {
        "error": "consent_required",
        "error_description": "resource notes needs consent",
        "type": "https://docs.authplane.ai/errors/consent_required",
        "title": "Bad Request",
        "detail": "resource notes needs consent",
        "status": 400,
        "consent_url": "https://a.example/x",
    }


@pytest.mark.parametrize(
    ("error", "name", "value"),
    [
        (InvalidClient("no"), "www-authenticate", 'Basic realm="authserver"'),
        (SlowDown("no", retry_after=9), "retry-after", "9"),
        (Unavailable("no"), "retry-after", "1"),
    ],
)
async def test_errors_carry_the_header_their_code_asks_for(error: AuthPlaneError, name: str, value: str) -> None:
    found = await answer(app(Route("GET", "/x", failing(error))), "GET", "/x")
    assert (found.status, found.header(name)) == (error.status, value)


async def test_a_description_stays_within_its_characters() -> None:
    """RFC 6749 §5.2."""
    found = await answer(app(Route("GET", "/x", failing(InvalidScope('unknown "é\\\n')))), "GET", "/x")
    assert found.json()["error_description"] == "unknown '???"


async def test_an_unexpected_exception_is_a_server_error_without_its_text() -> None:
    with capture_logs() as lines:
        found = await answer(app(), "GET", "/crash")
    assert (found.status, found.json()["error"]) == (500, "server_error")
    assert CANARY not in found.body.decode()
    assert [line["event"] for line in lines] == ["http.crashed", "http.done"]
    assert isinstance(lines[0]["exc_info"], RuntimeError)


async def test_a_page_renders_its_errors_for_people() -> None:
    found = await answer(app(), "GET", "/crash-page", headers=[("x-request-id", "req-1")])
    assert (found.status, found.body) == (500, b"<p>server_error req-1</p>")
    assert found.header("content-type") == "text/html; charset=utf-8"


async def test_an_error_page_that_fails_is_still_answered() -> None:
    def broken(request: Request, error: AuthPlaneError) -> Reply:
        raise KeyError(CANARY)

    found = await answer(app(Route("GET", "/x", failing(InvalidRequest("no")), html_errors=broken)), "GET", "/x")
    assert (found.status, found.json()["error"]) == (500, "server_error")


@pytest.mark.parametrize("value", ["a\r\nset-cookie: x=1", "a\nb", "a\x00b"])
async def test_no_header_value_can_end_its_line(value: str) -> None:
    async def split(request: Request) -> Reply:
        return Reply(200, headers=[("x-own", value)])

    found = await answer(app(Route("GET", "/x", split)), "GET", "/x")
    assert (found.status, found.header("x-own"), found.header("set-cookie")) == (500, None, None)


@pytest.mark.parametrize(
    ("location", "sent"),
    [
        ("https://a.example/cb?code=x&state=%20y#f", "https://a.example/cb?code=x&state=%20y#f"),
        ("cursor://cb/é", "cursor://cb/%C3%A9"),
        ("https://a.example/\r\nx: y", "https://a.example/%0D%0Ax:%20y"),
    ],
)
async def test_a_redirect_goes_where_it_was_told_and_nowhere_else(location: str, sent: str) -> None:
    async def away(request: Request) -> Reply:
        return redirect(location)

    found = await answer(app(Route("GET", "/x", away)), "GET", "/x")
    assert (found.status, found.header("location"), found.body) == (303, sent, b"")


async def test_open_paths_answer_preflights_without_authentication() -> None:
    found = await answer(app(), "OPTIONS", "/oauth/token", headers=[("origin", "https://app.example")])
    assert (found.status, found.body, found.header("content-length")) == (204, b"", None)
    assert found.header("access-control-allow-origin") == "*"
    allowed = (found.header("access-control-allow-headers") or "").lower()
    for name in ("authorization", "content-type", "dpop", "mcp-protocol-version", "mcp-method", "mcp-name"):
        assert name in allowed
    assert "POST" in (found.header("access-control-allow-methods") or "")


async def test_open_paths_show_scripts_their_errors_and_challenges_and_never_allow_credentials() -> None:
    found = await answer(app(), "POST", "/oauth/token", headers=[("origin", "https://app.example")])
    assert found.status == 400
    assert found.header("access-control-allow-origin") == "*"
    assert "DPoP-Nonce" in (found.header("access-control-expose-headers") or "")
    assert found.header("access-control-allow-credentials") is None


async def test_closed_paths_say_nothing_to_other_origins() -> None:
    found = await answer(app(), "GET", "/plain", headers=[("origin", "https://app.example")])
    assert found.header("access-control-allow-origin") is None
    assert (await answer(app(), "OPTIONS", "/plain")).status == 405


async def test_named_origins_are_told_apart() -> None:
    named = app(allowed_origins=("https://app.example",))
    yes = await answer(named, "OPTIONS", "/oauth/token", headers=[("origin", "https://app.example")])
    no = await answer(named, "OPTIONS", "/oauth/token", headers=[("origin", "https://evil.example")])
    assert (yes.header("access-control-allow-origin"), yes.header("vary")) == ("https://app.example", "Origin")
    assert (no.header("access-control-allow-origin"), no.header("vary")) == (None, "Origin")


async def test_one_line_is_logged_per_request_and_holds_no_query_form_or_token() -> None:
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
        await answer(
            app(),
            "POST",
            f"/oauth/token?code={CANARY}",
            headers=[("content-type", "application/x-www-form-urlencoded"), ("authorization", CANARY), ("x-request-id", "req-1")],
            body=f"refresh_token={CANARY}".encode(),
        )
        await answer(app(), "GET", f"/{CANARY}")
        await answer(app(), "GET", f"/oauth/register/{CANARY}")
    assert [line["event"] for line in lines] == ["http.done"] * 3
    assert CANARY not in repr(lines)
    assert [line["route"] for line in lines] == ["/oauth/token", "unmatched", "/oauth/register/{id}"]
    first = lines[0]
    assert (first["method"], first["status"], first["client_address"], first["request_id"]) == ("POST", 200, "192.0.2.1", "req-1")


async def test_debug_of_an_error_reaches_the_log_and_not_the_client() -> None:
    with capture_logs() as lines:
        found = await answer(app(Route("GET", "/x", failing(InvalidRequest("no", debug="row 7")))), "GET", "/x")
    assert (lines[0]["error"], lines[0]["debug"]) == ("invalid_request", "row 7")
    assert b"row 7" not in found.body


async def test_a_client_that_left_is_not_answered() -> None:
    with capture_logs() as lines:
        headers = [("content-type", "application/x-www-form-urlencoded")]
        assert await call(app(), "POST", "/oauth/token", headers=headers, chunks=(b"half",), disconnect=True) is None
    assert lines[0]["status"] == 499


async def test_done_is_reported_by_route_template() -> None:
    seen: list[tuple[str, str, int]] = []
    watched = app(on_done=lambda route, method, status, seconds: seen.append((route, method, status)))
    await answer(watched, "GET", "/oauth/register/abc")
    await answer(watched, "GET", "/nowhere")
    assert seen == [("/oauth/register/{id}", "GET", 200), ("unmatched", "GET", 404)]


async def test_other_paths_go_to_the_fallback_with_the_same_headers() -> None:
    async def inner(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/boom":
            raise RuntimeError(CANARY)
        if scope["path"] == "/refuse":
            raise InvalidScope("no")
        await send({"type": "http.response.start", "status": 200, "headers": [(b"cache-control", b"private")]})
        await send({"type": "http.response.body", "body": b"inner"})

    outer = app(fallback=inner)
    found = await answer(outer, "GET", "/console", headers=[("x-request-id", "req-1")])
    assert (found.body, found.header("cache-control"), found.header("x-request-id")) == (b"inner", "private", "req-1")
    assert found.header("x-frame-options") == "DENY"
    assert (await answer(outer, "GET", "/plain")).json() == {}
    broken = await answer(outer, "GET", "/boom")
    assert broken.status == 500
    assert CANARY not in broken.body.decode()
    assert (await answer(outer, "GET", "/refuse")).json()["error"] == "invalid_scope"


def test_two_routes_for_one_method_of_one_path_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="/plain"):
        app(Route("GET", "/plain", echo))


async def test_the_server_may_start_and_stop_it() -> None:
    incoming = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    sent: list[str] = []

    async def receive() -> Any:
        return incoming.pop(0)

    async def send(message: Any) -> None:
        sent.append(message["type"])

    await app()({"type": "lifespan"}, receive, send)
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
