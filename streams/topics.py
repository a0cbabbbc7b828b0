"""Topics, what a record on each of them holds, and what an agent may ask of its host."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol

import msgspec
from msgspec import Struct

from classifiers.patterns import SEALED
from models import Action, Decision, Observation, Review, Sanction, Task, Verdict, Violation
from models.fleet import GroupMode
from models.observation import Millis

OBSERVATIONS = "observations"
# Observations that a classifier could not measure, once more, when it can.
AGAIN = "observations-again"
JUDGEMENTS = "judgements"
ACTIONS = "actions"
OUTCOMES = "outcomes"
DEAD_LETTERS = "dead-letters"
# What is announced: what is in force in a fleet, and what runs in shadow.
CONTROL = "control"
# Rows that agents ask for, where judging must not wait for the database. The embedded host enters them at once.
VIEWS = "views"
# Signatures of messages that call or advertise, of all groups in one order, and the campaigns found among them.
LIKENESSES = "likenesses"
TOPICS = (OBSERVATIONS, AGAIN, LIKENESSES, JUDGEMENTS, ACTIONS, OUTCOMES, DEAD_LETTERS)

# The group of `xunqun doctor --e2e`: no group that anybody has forgotten to list.
PROBE_GROUP = "doctor:probe"

MAX_RECORD_BYTES = 256 * 1024
# Matched words are kept this long, then `purge` removes them.
EVIDENCE_KEPT: Millis = 90 * 24 * 60 * 60 * 1000
# What holds words of messages; ledgers, states and what follows from verdicts do not.
WITH_TEXT = frozenset({OBSERVATIONS, AGAIN, JUDGEMENTS, DEAD_LETTERS, VIEWS})


class Withdrawal(Struct, frozen=True, kw_only=True):
    """A member recalled a message of their own; within the grace time that leaves no strike."""

    observation_id: str
    subject: str
    withdrawn_at: Millis


class Appeal(Struct, frozen=True, kw_only=True):
    """A member asks for a sanction to be looked at again."""

    id: str
    sanction_id: str
    subject: str
    by: str
    text_given: bool
    filed_at: Millis


class Erasure(Struct, frozen=True, kw_only=True):
    """A person is to be erased. `subject` and `accounts` (`platform:account`) are the ids by which he stands in what is stored,
    `names` what texts call him; of these `shared` may mean others as well, and go only from what is about him. `by` and
    `reason` say who erases him, and why.
    """

    id: str
    subject: str
    accounts: tuple[str, ...]
    names: tuple[str, ...]
    by: str
    reason: str
    erased_at: Millis
    shared: tuple[str, ...] = ()


class Noted(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A violation with all that a sanction needs to know of its verdict, and no message text."""

    violation: Violation
    pack: str
    group_id: str
    group_key: str
    mode: GroupMode
    at: Millis
    observation_id: str | None = None
    account: str | None = None
    native_id: str | None = None
    sender: str | None = None


class Judged(Struct, frozen=True, omit_defaults=True):
    """A record of `judgements`: exactly one of these; a decision on a verdict brings along what it is `about`."""

    verdict: Verdict | None = None
    decision: Decision | None = None
    withdrawal: Withdrawal | None = None
    appeal: Appeal | None = None
    erasure: Erasure | None = None
    about: tuple[Noted, ...] = ()


class Planned(Struct, frozen=True, omit_defaults=True):
    """A record of `actions`: exactly one of these."""

    sanction: Sanction | None = None
    task: Task | None = None
    review: Review | None = None
    action: Action | None = None
    withdrawal: Withdrawal | None = None
    erasure: Erasure | None = None


class Outcome(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A record of `outcomes`: what became of an action. `at` is when it reached the member or failed."""

    action_id: str
    sanction_id: str
    subject: str
    group_id: str
    status: str
    at: Millis
    detail: str = ""


class DeadLetter(Struct, frozen=True, kw_only=True):
    """Input that could not be used: its cause in a sentence, where it came from, and the bytes themselves.

    `key` is that of the record it was, by which it is handed in again.
    """

    cause: str
    topic: str
    offset: int
    tries: int
    body: bytes
    partition: int = 0
    key: str = ""


class Likeness(Struct, frozen=True, kw_only=True):
    """A message that calls or advertises, without its words: see `classifiers.likeness`. The record's key is its group.

    `sender` is a digest of the subject, `at` group time, `category` what was measured of it.
    """

    observation_id: str
    signature: bytes
    sender: str
    at: Millis
    category: str


class Campaign(Struct, frozen=True, kw_only=True):
    """The same advert from many senders or in many groups, as it is known by now; named after its first message.

    `observations`, each with its group's key, `senders` (digests) and `groups` (keys) are the first ones, as many as are kept;
    `samples` are signatures by which further messages are known.
    """

    id: str
    group_key: str
    category: str
    opened_at: Millis
    first_at: Millis
    last_at: Millis
    observations: tuple[tuple[str, str], ...]
    senders: tuple[str, ...]
    groups: tuple[str, ...]
    samples: tuple[bytes, ...]


class Gathered(Struct, frozen=True, omit_defaults=True):
    """A record of `likenesses`: exactly one of these."""

    likeness: Likeness | None = None
    campaign: Campaign | None = None


class Rows(Struct, frozen=True):
    """A record of `views`: rows as an agent asked for them, each with its table."""

    rows: list[tuple[str, dict[str, Any]]]


def erased_row(one: Erasure, *, planned: bool) -> dict[str, Any]:
    """Whom to take out of the rows, see `streams.cases.erasing`; `planned`: also of those that follow from `actions`."""
    return {
        "planned": planned,
        "subject": one.subject,
        "accounts": one.accounts,
        "names": one.names,
        "shared": one.shared,
    }


def noted(verdict: Verdict, violation: Violation) -> Noted:
    """Take a violation out of its verdict. The matched words stay behind: text lives in observations and evidence only."""
    bare = tuple(msgspec.structs.replace(one, matched=None) for one in violation.evidence)
    return Noted(
        violation=msgspec.structs.replace(violation, evidence=bare),
        pack=verdict.pack,
        group_id=verdict.group_id,
        group_key=f"{verdict.platform}:{verdict.group_id}",
        mode=verdict.mode,
        at=verdict.judged_at,
        observation_id=verdict.observation_id,
        account=verdict.account,
        native_id=verdict.native_id,
        sender=verdict.sender,
    )


@dataclass(frozen=True, slots=True)
class Appended:
    """What became of one body handed in. `accepted` and `duplicate` are durable; `why` is a sentence that names the field."""

    status: Literal["accepted", "duplicate", "invalid", "unavailable"]
    id: str = ""
    why: str = ""


@dataclass
class Record:
    """One record of a topic. `decoded` keeps what was read of it, so that nobody reads it again; nobody changes it.

    `measured` are, once known, the signals of an observation, what its words are worth asking, and their fingerprint.
    """

    topic: str
    key: str
    value: bytes
    offset: int
    appended_at: Millis
    decoded: Any = None
    partition: int = 0
    measured: tuple[Sequence[Any], tuple[frozenset[Any], int]] | None = None


def record_of(topic: str, key: str, value: Struct, appended_at: Millis) -> Record:
    """A record that is to be appended; its offset is not known yet."""
    return Record(topic, key, msgspec.json.encode(value), -1, appended_at, value)


def value_of(record: Record) -> Any:
    """What a record holds, but for observations. Read once; what this process wrote is still at hand."""
    if record.decoded is None:
        record.decoded = _DECODERS[record.topic].decode(record.value)
    return record.decoded


@dataclass
class Effects:
    """All that an agent wants done for a chunk. The host stores offset, state, records and rows together or not at all."""

    state: dict[str, Any] = field(default_factory=dict)
    records: list[tuple[str, str, Any, Millis]] = field(default_factory=list)  # topic, key, struct, append time
    rows: list[tuple[str, dict[str, Any]]] = field(default_factory=list)  # table, columns

    def publish(self, topic: str, value: Any, cause: Record) -> None:
        """Ask for a record on `topic`, under the key and the append time of the record that caused it."""
        self.records.append((topic, cause.key, value, cause.appended_at))


class Agent(Protocol):
    """A pure function with a name. It publishes on the topics that it `writes`; rows go another way, which is the host's.

    `State` is the type of the values kept under `keys(records)`.

    `state` has an entry for each key that a call is about, None where nothing is stored; other keys are left alone.
    `next_due` says when a state has to be looked at again although nothing was observed; the ticker asks for it.
    """

    name: ClassVar[str]
    reads: ClassVar[tuple[str, ...]]
    writes: ClassVar[tuple[str, ...]]
    State: ClassVar[type[Any] | None]

    def keys(self, records: Sequence[Record]) -> set[str]: ...

    def next_due(self, value: Any) -> Millis | None: ...

    def handle(self, records: Sequence[Record], state: Mapping[str, Any]) -> Effects: ...


class Unusable(Exception):
    """A record that cannot be used; the message is one sentence for people."""


_DECODERS: dict[str, msgspec.json.Decoder[Any]] = {
    JUDGEMENTS: msgspec.json.Decoder(Judged),
    ACTIONS: msgspec.json.Decoder(Planned),
    OUTCOMES: msgspec.json.Decoder(Outcome),
    DEAD_LETTERS: msgspec.json.Decoder(DeadLetter),
    VIEWS: msgspec.json.Decoder(Rows),
    LIKENESSES: msgspec.json.Decoder(Gathered),
}
_OBSERVATION = msgspec.json.Decoder(Observation)
# 1970 to 2100. What is later is in micro- or nanoseconds by mistake, and no calendar reaches what is far outside.
_EARLIEST, _LATEST = 0, 4_102_444_800_000
# Every escape of a JSON string; `lone` is half of a surrogate pair. Programs that cut a nickname in the middle of an
# emoji write it, and all that such a member says would stay unjudged.
_ESCAPES = re.compile(
    rb"\\(?:u(?:d[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}|(?P<lone>d[89a-f][0-9a-f]{2}))|.)", re.IGNORECASE | re.DOTALL
)


def decode_observation(body: bytes) -> Observation:
    """Read one observation. Unusable says in one sentence what is wrong; unknown fields and kinds are let through.

    Half of a surrogate pair is read as U+FFFD, so that places in the text stay what they are.
    """
    if len(body) > MAX_RECORD_BYTES:
        raise Unusable(f"the record has more than {MAX_RECORD_BYTES} bytes")
    try:
        seen = _read(body)
    except msgspec.ValidationError as error:
        raise Unusable(f"not an observation: {error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unusable(f"not JSON: {str(error)[:120]}") from error
    for name, at in (("sent_at", seen.sent_at), ("received_at", seen.received_at)):
        if at is not None and not _EARLIEST <= at <= _LATEST:
            raise Unusable(f"{name} is not in milliseconds since 1970 (between 1970 and 2100)")
    if not seen.type:
        raise Unusable("type is empty")
    if seen.type != "clock.tick":
        if not seen.id:
            raise Unusable("id is missing")
        if seen.group is None or not seen.group.id:
            raise Unusable("group.id is missing")
    return seen


def honest_flags(seen: Observation) -> tuple[str, ...]:
    """The flags of an observation without those that only a door may set: nobody accuses by flag from outside."""
    return tuple(one for one in seen.flags or () if not one.startswith(SEALED))


def without_forged(seen: Observation, body: bytes) -> bytes:
    """The bytes of an observation with its honest flags only."""
    honest = honest_flags(seen)
    if honest == (seen.flags or ()):
        return body
    return msgspec.json.encode(msgspec.structs.replace(seen, flags=honest or None))


def _read(body: bytes) -> Observation:
    try:
        return _OBSERVATION.decode(body)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        whole = _ESCAPES.sub(lambda found: rb"\ufffd" if found["lone"] else found[0], body)
        if whole == body:
            raise
        return _OBSERVATION.decode(whole)
