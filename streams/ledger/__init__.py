"""The agents' state in Redis: saved only over what was read, with stored decisions, due dates and a rebuild after a loss."""

from streams.ledger.connection import StateLost, StateUnavailable
from streams.ledger.rebuild import Rebuild, Row
from streams.ledger.states import Change, Decided, Decision, RedisStates
from streams.ledger.stored import Stored

__all__ = ["Change", "Decided", "Decision", "Rebuild", "RedisStates", "Row", "StateLost", "StateUnavailable", "Stored"]
