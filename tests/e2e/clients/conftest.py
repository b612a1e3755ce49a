"""One person per test for the clients nobody here wrote."""

from collections.abc import AsyncIterator

import pytest

from cli.demo.user_agent import HeadlessPerson
from tests.e2e.flows import Public


@pytest.fixture
async def person(public: Public) -> AsyncIterator[HeadlessPerson]:
    """The demo user with a fresh browser."""
    someone = public.person()
    yield someone
    await someone.aclose()
