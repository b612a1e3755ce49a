"""How the vault is asked from outside."""
