"""`python -m services.token`."""

from kit.service import run
from services.token.app import build

if __name__ == "__main__":
    run("token", build)
