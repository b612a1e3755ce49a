"""The question put to a person, and their answer (A5, A6)."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from kit.audit import Action, Event
from kit.errors import AccessDenied, InvalidRequest, Missing
from services.authorize.authorization import Authorization, SendBack
from services.authorize.interaction import Interaction
from services.authorize.model import Client, Resource, Scope, Session, Visit
from services.authorize.ports import Consent, Resources
from services.authorize.redirect_uri import Destination, describe
from services.authorize.refusals import AlreadyAnswered, ForeignBrowser, NothingTicked
from services.authorize.sessions import event_of

DENIED: Final = "the person did not allow access"


@dataclass(frozen=True, slots=True)
class Question:
    """Everything the consent page shows. `asked` is to be ticked; `kept` was allowed before and stays (step-up)."""

    client: Client
    verified_domain: str
    destination: Destination
    resource: Resource | None
    asked: tuple[Scope, ...]
    kept: tuple[Scope, ...]
    first_time: bool
    email: str


@dataclass(frozen=True, slots=True)
class ConsentDesk:
    """Asks and takes answers for one authorization at a time."""

    authorization: Authorization

    async def question(self, interaction: Interaction, session: Session, visit: Visit) -> Question:
        """What to ask the person of `session`. Raises what makes the client no longer acceptable, and Unavailable."""
        client = await self.authorization.client_of(interaction, visit)
        resource, catalogue = await catalogue_of(self.authorization.resources, interaction.request.resource)
        return Question(
            client=client,
            verified_domain=verified_domain(client),
            destination=describe(interaction.request.redirect_uri),
            resource=resource,
            asked=described(asked_scopes(interaction), catalogue),
            kept=described(kept_scopes(interaction), catalogue),
            first_time=client.first_seen or (interaction.needed is not None and interaction.needed.first_time),
            email=session.email or session.name,
        )

    async def allow(self, interaction: Interaction, session: Session, ticked: tuple[str, ...], *, remember: bool, visit: Visit) -> SendBack:
        """Issue the code for what was left ticked, together with what was allowed before.

        Raises NothingTicked, InvalidRequest (a scope that was not asked for), ForeignBrowser, AlreadyAnswered, Unavailable.
        """
        _require_owner(interaction, session)
        if not ticked:
            raise NothingTicked("Tick at least one permission to allow, or deny the request.")
        if not set(ticked) <= set(asked_scopes(interaction)):
            raise InvalidRequest("the form names a permission that was not asked for")
        client = await self.authorization.client_of(interaction, visit)
        # What was allowed before stays by itself (A5); naming it here would bring back what was revoked a moment ago.
        scopes = tuple(name for name in asked_scopes(interaction) if name in set(ticked))
        event = _event(Action.CONSENT_GRANTED, interaction, session, visit, scopes=list(scopes), remember=remember)
        answer = await self.authorization.answer(interaction, client, session, visit, Consent(scopes, remember), (event,))
        if not isinstance(answer, SendBack):
            raise AlreadyAnswered("what has to be allowed changed meanwhile; start again from the application")
        return answer

    async def deny(self, interaction: Interaction, session: Session, visit: Visit) -> SendBack:
        """Tell the client access_denied. Raises ForeignBrowser, AlreadyAnswered, Unavailable, and what makes the client unacceptable."""
        _require_owner(interaction, session)
        await self.authorization.client_of(interaction, visit)
        event = _event(Action.CONSENT_DENIED, interaction, session, visit)
        interactions, now = self.authorization.interactions, self.authorization.clock.now()
        # Claimed first, so that a denial and an approval at the same moment cannot both stand.
        if not (await interactions.claim(interaction.id, now) and await interactions.finish(interaction.id, (event,))):
            raise AlreadyAnswered("this page was answered already; start again from the application")
        request = interaction.request
        return SendBack(self.authorization.responder.failure(request.redirect_uri, request.state, AccessDenied(DENIED)))


async def catalogue_of(resources: Resources, uri: str) -> tuple[Resource | None, dict[str, Scope]]:
    """The resource a request names, and the scopes it may mean by name. Raises InvalidRequest when it is gone, Unavailable."""
    if not uri:
        return None, {scope.name: scope for resource in reversed(await resources.mints()) for scope in resource.scopes}
    try:
        resource = await resources.resolve(uri)
    except Missing:
        raise InvalidRequest("the resource this request was about is no longer here") from None
    return resource, {scope.name: scope for scope in resource.scopes}


def verified_domain(client: Client) -> str:
    """The host that publishes the client's metadata document; empty for a client that has none."""
    return urlsplit(client.document_url).hostname or "" if client.document_url else ""


def asked_scopes(interaction: Interaction) -> tuple[str, ...]:
    """What the person is to decide: only what is new (A5)."""
    missing = set(interaction.needed.missing if interaction.needed is not None else ())
    return tuple(name for name in interaction.request.scopes if name in missing) or interaction.request.scopes


def kept_scopes(interaction: Interaction) -> tuple[str, ...]:
    """What was asked for now and allowed before."""
    granted = set(interaction.needed.granted if interaction.needed is not None else ()) - set(asked_scopes(interaction))
    return tuple(name for name in interaction.request.scopes if name in granted)


def described(names: tuple[str, ...], catalogue: dict[str, Scope]) -> tuple[Scope, ...]:
    """Each name with what its resource says of it; a name nobody describes stands for itself."""
    return tuple(catalogue.get(name, Scope(name)) for name in names)


def _require_owner(interaction: Interaction, session: Session) -> None:
    if interaction.user_id not in {None, session.user_id}:
        raise ForeignBrowser("somebody else was signed in when this page was made; start again from the application")


def _event(action: Action, interaction: Interaction, session: Session, visit: Visit, **detail: list[str] | bool) -> Event:
    plain = event_of(action, session, visit)
    return Event(
        action=action,
        actor_kind=plain.actor_kind,
        actor_id=plain.actor_id,
        subject=plain.subject,
        client_id=interaction.request.client_id,
        resource=interaction.request.resource,
        outcome="denied" if action is Action.CONSENT_DENIED else "success",
        ip=plain.ip,
        request_id=plain.request_id,
        trace_id=plain.trace_id,
        detail=detail,
    )
