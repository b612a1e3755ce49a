"""Which issuers are a developer's own machine."""

from urllib.parse import urlsplit


def is_localhost(url: str) -> bool:
    """Scheme http or https, host exactly localhost, 127.0.0.1 or ::1."""
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and parts.hostname in {"localhost", "127.0.0.1", "::1"}
    except ValueError:
        return False
