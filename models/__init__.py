"""The words that every other part of Xunqun speaks; imports nothing of ours.

Wire forms are those of `docs/interfaces.md`: one JSON object a line, unknown fields ignored.
"""

from models.decision import Decision, DecisionOutcome, DecisionTarget, Review
from models.fleet import Account, Fleet, Group, Person, Settings
from models.ids import digest
from models.observation import (
    Attachment,
    Change,
    Fact,
    GroupRef,
    Link,
    Mention,
    MessageRef,
    Money,
    Observation,
    ReplyTo,
    Sender,
    Target,
)
from models.sanction import Action, ActionStatus, Assignee, Fine, Sanction, SanctionKind, Task
from models.signal import Evidence, Signal
from models.strike import Strike, StrikeStatus
from models.verdict import Cause, Mode, Subject, Unavailable, Verdict, Violation

__all__ = [
    "Account",
    "Action",
    "ActionStatus",
    "Assignee",
    "Attachment",
    "Cause",
    "Change",
    "Decision",
    "DecisionOutcome",
    "DecisionTarget",
    "Evidence",
    "Fact",
    "Fine",
    "Fleet",
    "Group",
    "GroupRef",
    "Link",
    "Mention",
    "MessageRef",
    "Mode",
    "Money",
    "Observation",
    "Person",
    "ReplyTo",
    "Review",
    "Sanction",
    "SanctionKind",
    "Sender",
    "Settings",
    "Signal",
    "Strike",
    "StrikeStatus",
    "Subject",
    "Target",
    "Task",
    "Unavailable",
    "Verdict",
    "Violation",
    "digest",
]
