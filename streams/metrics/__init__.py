"""What Prometheus sees of a process: declared in one list, counted once a batch, served at `/metrics`."""

from streams.metrics.declared import DECLARED, OTHER, as_markdown
from streams.metrics.recording import MOST_NAMES, Metrics, dead_letter_cause

__all__ = ["DECLARED", "MOST_NAMES", "OTHER", "Metrics", "as_markdown", "dead_letter_cause"]
