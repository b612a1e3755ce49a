"""Machine clients that authenticate with a key of their own (RFC 7523 §2.2)."""

import json
from dataclasses import dataclass

from kit.jwk import Alg, generate_key, private_key_to_pem, public_jwk, thumbprint
from tests.e2e.flows import Public


@dataclass(frozen=True)
class KeyedClient:
    """A registered client and the private half of its key."""

    client_id: str
    key_id: str
    private_pem: str


async def keyed_machine_client(plane: Public, scope: str = "notes:read") -> KeyedClient:
    """A confidential client for client_credentials whose public key the operator registered (ES256)."""
    key = generate_key(Alg.ES256)
    public_key = public_jwk(key)
    key_id = thumbprint(public_key)
    async with plane.admin() as http:
        answer = await http.post(
            "/admin/clients",
            json={
                "client_name": "machine with a key",
                "grant_types": ["client_credentials"],
                "token_endpoint_auth_method": "private_key_jwt",
                "scope": scope,
                "jwks": json.dumps({"keys": [{**public_key, "kid": key_id, "alg": "ES256", "use": "sig"}]}),
            },
        )
    assert answer.status_code == 201, answer.text
    return KeyedClient(answer.json()["client_id"], key_id, private_key_to_pem(key).decode())
