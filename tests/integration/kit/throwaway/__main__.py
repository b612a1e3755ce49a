"""`python -m tests.integration.kit.throwaway`: run as any service is."""

from kit.service import run
from tests.integration.kit.throwaway.app import build

run("vault", build)
