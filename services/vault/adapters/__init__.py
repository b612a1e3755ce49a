"""The vault in Postgres."""
