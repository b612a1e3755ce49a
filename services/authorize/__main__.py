"""`python -m services.authorize`."""

from kit.service import run
from services.authorize.app import build

if __name__ == "__main__":
    run("authorize", build)
