"""POST /oauth/par."""

from dataclasses import dataclass
from typing import Final

from kit.errors import InvalidDpopProof
from kit.http import Reply, Request, json_reply
from services.authorize.api.authorize_page import read
from services.authorize.api.site import visit_of
from services.authorize.pushed import Proof, Pushing

_MAY_REPEAT: Final = frozenset({"resource"})


@dataclass(frozen=True, slots=True)
class PushEndpoint:
    """RFC 9126 §2: a form from a client's own back channel; errors are JSON."""

    pushing: Pushing

    async def post(self, request: Request) -> Reply:
        """201 with the reference, or the error a token endpoint would answer with."""
        if request.headers_all("dpop"):
            # Overlooking the proof would leave the code unbound without anybody noticing (RFC 9449 §10.1).
            raise InvalidDpopProof("name the key with dpop_jkt; a proof is not taken here")
        form = await request.form()
        form.refuse_repeats(_MAY_REPEAT)
        proof = Proof(
            authorization=request.header("authorization") or "",
            client_id=form.one("client_id") or "",
            secret=form.one("client_secret") or "",
            assertion_type=form.one("client_assertion_type") or "",
            assertion=form.one("client_assertion") or "",
        )
        reference = await self.pushing.push(read(form), proof, visit_of(request))
        return json_reply({"request_uri": reference, "expires_in": int(self.pushing.lifetime.total_seconds())}, 201)
