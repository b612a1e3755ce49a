"""How the log is read from outside."""
