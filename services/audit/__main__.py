"""`python -m services.audit`."""

from kit.service import run
from services.audit.app import build

if __name__ == "__main__":
    run("audit", build)
