"""What every operation asks of a key: a total table, checked before anything else happens."""

from collections.abc import Mapping
from enum import StrEnum

from kit.errors import Forbidden
from services.admin.model.operators import Operator, Role


class Operation(StrEnum):
    """Everything an operator can do, as `<operations class>.<method>`; REST routes and RPCs name one each."""

    CLIENTS_LIST = "clients.list"
    CLIENTS_GET = "clients.get"
    CLIENTS_CREATE = "clients.create"
    CLIENTS_UPDATE = "clients.update"
    CLIENTS_SUSPEND = "clients.suspend"
    CLIENTS_REVOKE = "clients.revoke"
    CLIENTS_REACTIVATE = "clients.reactivate"
    CLIENTS_ROTATE_SECRET = "clients.rotate_secret"  # noqa: S105 - the name of an operation
    CLIENTS_DELETE = "clients.delete"
    REGISTRATION_GET_MODE = "registration.get_mode"
    REGISTRATION_SET_MODE = "registration.set_mode"
    RESOURCES_LIST = "resources.list"
    RESOURCES_GET = "resources.get"
    RESOURCES_CREATE = "resources.create"
    RESOURCES_UPDATE = "resources.update"
    RESOURCES_DELETE = "resources.delete"
    POLICIES_READ = "policies.read"
    POLICIES_ADD = "policies.add"
    POLICIES_REMOVE = "policies.remove"
    USERS_LIST = "users.list"
    USERS_GET = "users.get"
    USERS_CREATE = "users.create"
    USERS_UPDATE = "users.update"
    USERS_DISABLE = "users.disable"
    USERS_ENABLE = "users.enable"
    USERS_DELETE = "users.delete"
    USERS_FORCE_LOGOUT = "users.force_logout"
    TOKENS_LIST_GRANTS = "tokens.list_grants"
    TOKENS_REVOKE_GRANT = "tokens.revoke_grant"
    TOKENS_LIST_ISSUANCES = "tokens.list_issuances"
    TOKENS_LIST_RECENT = "tokens.list_recent"
    TOKENS_GET_ISSUANCE = "tokens.get_issuance"
    TOKENS_REVOKE_ISSUANCE = "tokens.revoke_issuance"
    KEYS_LIST = "keys.list"
    KEYS_ROTATE = "keys.rotate"
    AUDIT_SEARCH = "audit.search"
    AUDIT_TAIL = "audit.tail"
    AUDIT_VERIFY = "audit.verify"
    SYSTEM_STATUS = "system.status"
    SYSTEM_STATS = "system.stats"
    SYSTEM_CONFIGURATION = "system.configuration"
    SYSTEM_VERIFY_KEY = "system.verify_key"
    API_KEYS_LIST = "api_keys.list"
    API_KEYS_CREATE = "api_keys.create"
    API_KEYS_REVOKE = "api_keys.revoke"


LEAST: Mapping[Operation, Role] = {
    Operation.CLIENTS_LIST: Role.VIEWER,
    Operation.CLIENTS_GET: Role.VIEWER,
    Operation.CLIENTS_CREATE: Role.OPERATOR,
    Operation.CLIENTS_UPDATE: Role.OPERATOR,
    Operation.CLIENTS_SUSPEND: Role.OPERATOR,
    Operation.CLIENTS_REVOKE: Role.OPERATOR,
    Operation.CLIENTS_REACTIVATE: Role.OPERATOR,
    Operation.CLIENTS_ROTATE_SECRET: Role.OPERATOR,
    Operation.CLIENTS_DELETE: Role.ADMIN,
    Operation.REGISTRATION_GET_MODE: Role.VIEWER,
    Operation.REGISTRATION_SET_MODE: Role.ADMIN,
    Operation.RESOURCES_LIST: Role.VIEWER,
    Operation.RESOURCES_GET: Role.VIEWER,
    Operation.RESOURCES_CREATE: Role.OPERATOR,
    Operation.RESOURCES_UPDATE: Role.OPERATOR,
    Operation.RESOURCES_DELETE: Role.ADMIN,
    Operation.POLICIES_READ: Role.VIEWER,
    Operation.POLICIES_ADD: Role.OPERATOR,
    Operation.POLICIES_REMOVE: Role.OPERATOR,
    Operation.USERS_LIST: Role.VIEWER,
    Operation.USERS_GET: Role.VIEWER,
    Operation.USERS_CREATE: Role.OPERATOR,
    Operation.USERS_UPDATE: Role.OPERATOR,
    Operation.USERS_DISABLE: Role.OPERATOR,
    Operation.USERS_ENABLE: Role.OPERATOR,
    Operation.USERS_DELETE: Role.ADMIN,
    Operation.USERS_FORCE_LOGOUT: Role.OPERATOR,
    Operation.TOKENS_LIST_GRANTS: Role.VIEWER,
    Operation.TOKENS_REVOKE_GRANT: Role.OPERATOR,
    Operation.TOKENS_LIST_ISSUANCES: Role.VIEWER,
    Operation.TOKENS_LIST_RECENT: Role.VIEWER,
    Operation.TOKENS_GET_ISSUANCE: Role.VIEWER,
    Operation.TOKENS_REVOKE_ISSUANCE: Role.OPERATOR,
    Operation.KEYS_LIST: Role.VIEWER,
    Operation.KEYS_ROTATE: Role.ADMIN,
    Operation.AUDIT_SEARCH: Role.VIEWER,
    Operation.AUDIT_TAIL: Role.VIEWER,
    Operation.AUDIT_VERIFY: Role.VIEWER,
    Operation.SYSTEM_STATUS: Role.VIEWER,
    Operation.SYSTEM_STATS: Role.VIEWER,
    Operation.SYSTEM_CONFIGURATION: Role.VIEWER,
    Operation.SYSTEM_VERIFY_KEY: Role.VIEWER,
    Operation.API_KEYS_LIST: Role.VIEWER,
    Operation.API_KEYS_CREATE: Role.ADMIN,
    Operation.API_KEYS_REVOKE: Role.ADMIN,
}


def require(operation: Operation, operator: Operator) -> None:
    """Raise Forbidden unless the operator's role covers the operation."""
    least = LEAST[operation]
    if not operator.role.covers(least):
        raise Forbidden(f"this API key has the role {operator.role}; {operation} needs {least}")
