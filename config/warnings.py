"""What is allowed and should not be overlooked: said once at start."""

from collections.abc import Iterator

from config.schema import Configuration


def warnings(configuration: Configuration) -> Iterator[str]:
    """A sentence for every setting that trades safety for convenience."""
    if configuration.dcr.mode == "open":
        yield "dcr.mode is open: anyone may register a client"
        if not configuration.oauth.default_client_scope:
            yield "oauth.default_client_scope is empty: clients that register themselves may ask users for any scope"
    if configuration.cimd.allow_private_addresses:
        yield "cimd.allow_private_addresses is true: client documents may be fetched from private addresses"
    if not configuration.session.fail_closed:
        yield "session.fail_closed is false: a session may be accepted although its user could not be checked"
    if not configuration.session.secret:
        yield "session.secret is empty: sessions end when the process does"
    for name, provider in configuration.oidc.all_providers():
        if provider.client_secret_env:
            yield f"client_secret_env of identity provider {name} is now called client_secret_ref"
