"""`python -m services.vault`."""

from kit.service import run
from services.vault.app import build

if __name__ == "__main__":
    run("vault", build)
