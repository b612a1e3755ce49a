"""`python -m services.registry`."""

from kit.service import run
from services.registry.app import build

if __name__ == "__main__":
    run("registry", build)
