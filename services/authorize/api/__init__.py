"""Inbound: pages for people, RPCs for operators."""
