"""Minting access tokens: the claim set of RFC 9068 with AuthPlane's agent claims, signed with the current key."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from kit import credentials
from kit.clock import Clock
from services.token.keyring import Keyring
from services.token.model import Issuance, IssuedToken

ACCESS_TOKEN_TYPE = "at+jwt"  # noqa: S105 - RFC 9068 §2.1, a media type


@dataclass(frozen=True, slots=True)
class Minted:
    """A signed access token that nobody has yet, and the record that must be durable before anybody does."""

    value: str
    record: IssuedToken
    expires_in: int


class Issuer:
    """Signs what grants decided."""

    def __init__(self, *, issuer: str, keys: Keyring, clock: Clock) -> None:
        self.name = issuer
        self._keys = keys
        self._clock = clock

    def mint(self, issuance: Issuance) -> Minted:
        """Sign. Raises Unavailable when no signing key is loaded."""
        second = int(self._clock.now().timestamp())
        issued_at = datetime.fromtimestamp(second, UTC)
        client = issuance.client
        record = IssuedToken(
            id=credentials.uuid7(),
            grant_type=issuance.grant_type,
            subject=issuance.subject,
            client_id=client.id,
            resource=issuance.audience,
            scope=" ".join(issuance.scopes),
            issued_at=issued_at,
            expires_at=issued_at + timedelta(seconds=issuance.lifetime),
            grant_id=issuance.grant_id,
            family_id=issuance.family_id,
            dpop_jkt=issuance.proof.jkt if issuance.proof else None,
            agent_id=client.id if client.agent else None,
        )
        return Minted(self._keys.signer.sign(self._claims(issuance, record, second), typ=ACCESS_TOKEN_TYPE), record, issuance.lifetime)

    def _claims(self, issuance: Issuance, record: IssuedToken, second: int) -> dict[str, Any]:
        claims: dict[str, Any] = {
            "iss": self.name,
            "sub": record.subject,
            "aud": [record.resource or self.name],
            "client_id": record.client_id,
            "jti": record.jti,
            "iat": second,
            "nbf": second,
            "exp": second + issuance.lifetime,
        }
        if record.scope:
            claims["scope"] = record.scope
        if record.dpop_jkt is not None:
            claims["cnf"] = {"jkt": record.dpop_jkt}
        if issuance.client.agent:
            claims["agent_id"] = record.client_id
            claims["agent_name"] = issuance.client.name
        return claims
