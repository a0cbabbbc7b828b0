"""About thirty rules named by their shape, and the one table from rule name to rule.

A rule is the condition under which a clause is broken. Three shapes:

- `see` looks at one observation (its `watches`) and may set deadlines,
- `faults` lists what is wrong with a state of affairs right now; the judge counts each once until it is mended,
- `due` looks again when a deadline that the rule has set is reached.

`reads` names the signal categories a content rule needs, `cues` what the words of a plain message must be worth asking:
without that it is not even called.
"""

from policies.rules.base import Case, Finding, Rule
from policies.rules.consequence import Consequence
from policies.rules.content import ContentCategory, Flooding, ImageContent, RepeatedContent, RestrictedFile
from policies.rules.conversation import Receipts, Reply
from policies.rules.duties import Acknowledged, Joiner, Periodic, Record, Shirking
from policies.rules.lifecycle import Busy, Dissolution, Expiry, Idle
from policies.rules.links import LinkDanger, LinkPolicy
from policies.rules.media import Copyright, FileTamper, NeedsText, ProgramFile, TextFirst
from policies.rules.names import GroupName, NameFormat
from policies.rules.personal import PersonalData
from policies.rules.posting import NoticePermission
from policies.rules.registry import Announced, Approval, Duplicate, Filing, Handover, Roles, Unmended
from policies.rules.reports import ReportIntake
from policies.rules.roster import ClosedRoster, Invitation, MemberExit, MemberInactive, MustJoin, RosterDifference
from policies.rules.topics import TopicAllowed, TopicArgument, TopicVenue

RULES: dict[str, Rule] = {
    rule.name: rule
    for rule in (
        ContentCategory(),
        RepeatedContent(),
        RestrictedFile(),
        Flooding(),
        ImageContent(),
        NameFormat(),
        GroupName(),
        Approval(),
        Announced(),
        Filing(),
        Roles(),
        Duplicate(),
        Handover(),
        Unmended(),
        Expiry(),
        Dissolution(),
        Idle(),
        Busy(),
        RosterDifference(),
        ClosedRoster(),
        MustJoin(),
        Invitation(),
        MemberExit(),
        MemberInactive(),
        NoticePermission(),
        LinkPolicy(),
        LinkDanger(),
        PersonalData(),
        NeedsText(),
        TextFirst(),
        FileTamper(),
        ProgramFile(),
        Copyright(),
        TopicAllowed(),
        TopicVenue(),
        TopicArgument(),
        Reply(),
        Receipts(),
        Periodic(),
        Joiner(),
        Acknowledged(),
        Record(),
        Shirking(),
        ReportIntake(),
        Consequence(),
    )
}

__all__ = ["RULES", "Case", "Finding", "Rule"]
