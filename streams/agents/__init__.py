"""The agents. Each is a pure function: records and state in, effects out. A host runs them."""

from streams.agents.enforce import Enforce
from streams.agents.escalate import Escalate
from streams.agents.gather import Gather
from streams.agents.record import RecordViews
from streams.agents.screen import Screen

AGENTS = (Screen, Gather, Escalate, Enforce, RecordViews)

__all__ = ["AGENTS", "Enforce", "Escalate", "Gather", "RecordViews", "Screen"]
