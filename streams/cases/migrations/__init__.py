"""Versions of the fleet's database, run by `Cases.upgrade`. A new one is written by hand; a test compares it with the tables."""
