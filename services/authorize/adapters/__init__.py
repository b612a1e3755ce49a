"""Outbound: tables, Redis, and the services this one calls."""
