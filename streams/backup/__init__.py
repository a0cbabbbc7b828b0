"""Backups, and putting them back. ADR 0024 says why a fleet's is made in this order."""
