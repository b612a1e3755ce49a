"""client_credentials (RFC 6749 §4.4): a confidential client acting for itself, within the ceiling an operator gave it."""

from kit.audit import Action
from kit.oauth import GrantType
from services.token import events, policy
from services.token.model import Client, Issuance, Proof, TokenRequest
from services.token.ports import Resources


class ClientCredentials:
    """`lifetime` in seconds. No refresh token: the client can always come back (RFC 6749 §4.4.3)."""

    grant_type = GrantType.CLIENT_CREDENTIALS
    denied = Action.CLIENT_CREDENTIALS_DENIED
    confidential_only = True

    def __init__(self, *, resources: Resources, lifetime: int) -> None:
        self._resources = resources
        self._lifetime = lifetime

    async def decide(self, request: TokenRequest, client: Client, proof: Proof | None) -> Issuance:
        """Raises InvalidTarget, InvalidScope."""
        reference = policy.one_resource(request.resources)
        resource = (await self._resources.catalogue()).mintable(reference) if reference is not None else None
        scopes = policy.machine_scope(client, policy.named_scope(request.form.get("scope")), resource)
        audience = resource.uri if resource is not None else ""
        return Issuance(
            grant_type=self.grant_type,
            client=client,
            subject=client.id,
            scopes=scopes,
            audience=audience,
            lifetime=policy.shortest(
                self._lifetime, client.access_token_lifetime, resource.access_token_lifetime if resource is not None else 0
            ),
            event=events.by_client(
                Action.CLIENT_CREDENTIALS_ISSUED,
                client,
                request.context,
                subject=client.id,
                resource=audience,
                detail={"scopes": list(scopes)},
            ),
            proof=proof,
        )
