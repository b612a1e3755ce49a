"""All operations in one place, for the two APIs that offer them."""

from dataclasses import dataclass

from services.admin.operations.api_keys import NamedKeys
from services.admin.operations.audit import Audit
from services.admin.operations.clients import Clients
from services.admin.operations.keys import Keys
from services.admin.operations.policies import Policies
from services.admin.operations.registration import Registration
from services.admin.operations.resources import Resources
from services.admin.operations.system import System
from services.admin.operations.tokens import Tokens
from services.admin.operations.users import Users


@dataclass(frozen=True, slots=True)
class Operations:
    """A member per operations class; `services.admin.access.Operation` is named `<member>.<method>`."""

    clients: Clients
    registration: Registration
    resources: Resources
    policies: Policies
    users: Users
    tokens: Tokens
    keys: Keys
    audit: Audit
    system: System
    api_keys: NamedKeys
