"""Passwords: argon2id, computed beside the event loop, a few at a time."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from kit.credentials import random_secret
from kit.errors import AuthPlaneError, InvalidRequest, Unavailable

T = TypeVar("T")
SHORTEST: Final = 8
LONGEST: Final = 256
# 19 MiB, two passes, one lane: the second choice of RFC 9106 §4 cut to what a shared machine can give every login.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1, type=Type.ID)
_THREADS = 2
_WAITING = 64


class UnusableHash(AuthPlaneError):
    """What is stored for a user is not a hash this code can check."""


def require_acceptable(password: str) -> None:
    """Raise InvalidRequest unless a person may have this password. Length is the only rule (NIST SP 800-63B §5.1.1.2)."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise InvalidRequest(f"a password has {SHORTEST} to {LONGEST} characters")


class Passwords:
    """A small pool of threads bounds both the memory logins use and how long the event loop can be starved of its core."""

    def __init__(self, *, threads: int = _THREADS, waiting: int = _WAITING) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="argon2")
        self._room = threads + waiting
        # Unknown users are checked against this, so that a stranger cannot tell by the time whether an account exists.
        self._nobody = _HASHER.hash(random_secret())

    async def hashed(self, password: str) -> str:
        """What is stored for a password. Raises Unavailable when too many wait already."""
        return await self._run(lambda: _HASHER.hash(password))

    async def matches(self, password: str, stored: str) -> bool:
        """Whether `stored` was made from `password`. Raises UnusableHash, Unavailable."""
        return await self._run(lambda: _matches(password, stored))

    async def waste(self, password: str) -> None:
        """The work of `matches`, for somebody who is not there."""
        await self._run(lambda: _matches(password, self._nobody))

    def close(self) -> None:
        """Stop the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _run(self, work: Callable[[], T]) -> T:
        if self._room <= 0:
            raise Unavailable("too many people are signing in at this moment", retry_after=2)
        self._room -= 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._room += 1


def is_outdated(stored: str) -> bool:
    """Whether a hash should be made anew with today's parameters."""
    return _HASHER.check_needs_rehash(stored)


def _matches(password: str, stored: str) -> bool:
    try:
        return _HASHER.verify(stored, password)
    except VerifyMismatchError:
        return False
    except (InvalidHashError, VerificationError) as error:
        raise UnusableHash("a stored password cannot be checked", debug=type(error).__name__) from None
