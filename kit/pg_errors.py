"""What asyncpg raises, in the kit's words."""

from types import TracebackType
from typing import Any

import asyncpg

from kit.errors import Conflict, InvalidRequest, Unavailable

# asyncpg reports a connection cut between two statements as an error of its own inner state.
DRIVER_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError)
_GONE = (
    asyncpg.PostgresConnectionError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,  # shutdown, crash, statement timeout
    asyncpg.LockNotAvailableError,
    asyncpg.TransactionRollbackError,  # deadlock, serialization failure: the next attempt may win
    asyncpg.ReadOnlySQLTransactionError,  # connected to a standby during a failover
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)
_UNSTORABLE = (asyncpg.CharacterNotInRepertoireError, asyncpg.UntranslatableCharacterError)


def translated(error: Exception) -> Exception:
    """The kit's error for a driver's; the driver's own where it can only mean a mistake in our SQL."""
    if isinstance(error, asyncpg.UniqueViolationError):
        return Conflict("this already exists", debug=str(error), members={"constraint": error.constraint_name or ""})
    if isinstance(error, _UNSTORABLE) or isinstance(error.__cause__, UnicodeEncodeError):
        return InvalidRequest("a value contains characters that cannot be stored", debug=type(error).__name__)
    # A closed or closing pool raises InterfaceError itself; an argument of the wrong type raises a subclass of it, which is a bug.
    if isinstance(error, _GONE) or type(error) is asyncpg.InterfaceError:
        return Unavailable("the database cannot be reached", debug=f"{type(error).__name__}: {error}")
    return error


class _Translating:
    """`with TRANSLATING:` around driver calls; an object instead of a generator because it sits on every statement."""

    __slots__ = ()

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if isinstance(error, DRIVER_ERRORS):
            ours = translated(error)
            if ours is not error:
                raise ours from error


TRANSLATING = _Translating()


async def connect(*args: Any, **kwargs: Any) -> Any:
    """`asyncpg.connect`. Whatever Postgres refuses a connection for, the database is Unavailable."""
    try:
        return await asyncpg.connect(*args, **kwargs)
    except DRIVER_ERRORS as error:
        if isinstance(error, asyncpg.ClientConfigurationError):
            raise
        raise Unavailable("the database cannot be reached", debug=f"{type(error).__name__}: {error}") from error
