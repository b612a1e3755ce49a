"""The six services, strangers to one another. Launched from the root as `python -m services.<name>`."""
