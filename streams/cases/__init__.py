"""Views, outbox and pauses: one definition for the SQLite file of one process and for the PostgreSQL of a fleet."""
