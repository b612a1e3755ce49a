"""`python -m services.admin`."""

from kit.service import run
from services.admin.app import build

if __name__ == "__main__":
    run("admin", build)
