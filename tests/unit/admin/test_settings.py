"""What admin picks out of the configuration, and that no secret is among it."""

from datetime import timedelta

import config
from services.admin import settings

ENVIRON = {
    "AUTHPLANE_SERVER_ISSUER": "https://auth.example.com",
    "AUTHPLANE_ADMIN_API_KEY": "a-very-secret-operator-key-0123456789",
    "AUTHPLANE_ADMIN_AUDIT_DEFAULT_LOOKBACK": "48h",
    "AUTHPLANE_DCR_MODE": "admin_only",
    "AUTHPLANE_SESSION_SECRET": "0123456789abcdef0123456789abcdef",
    "AUTHPLANE_SESSION_SECURE": "true",
}


def test_the_operators_part_is_picked_out() -> None:
    """operator-contract §2.7."""
    picked = settings.of(config.load(None, ENVIRON, service="admin"))
    assert (picked.api_key, picked.secure) == (ENVIRON["AUTHPLANE_ADMIN_API_KEY"], True)
    assert (picked.default_lookback, picked.max_lookback) == (timedelta(hours=48), timedelta(hours=720))
    assert picked.public.view()["dcr"] == {"mode": "admin_only"}


def test_neither_representation_nor_view_holds_the_key() -> None:
    picked = settings.of(config.load(None, ENVIRON, service="admin"))
    assert ENVIRON["AUTHPLANE_ADMIN_API_KEY"] not in repr(picked) + repr(picked.public.view())
