"""Load on a running plane, and what it cost."""
