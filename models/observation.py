"""What the stream shows us: one message, or one change of a member, a nickname or a group."""

from collections.abc import Iterator
from typing import Any

from msgspec import Struct

# Milliseconds since 1970-01-01 UTC, everywhere in this project.
Millis = int

MESSAGE_TYPES = frozenset({"message.created", "message.edited"})
# How far a sender's clock may run ahead of the record's arrival before group time stops following it.
MAX_CLOCK_LEAD = 5 * 60 * 1000


class GroupRef(Struct, frozen=True, omit_defaults=True):
    """Where it happened; `id` is the platform's own."""

    id: str
    name: str | None = None


class Sender(Struct, frozen=True, omit_defaults=True):
    """Who did it. `card` is the nickname inside the group; absent means unknown, "" means none was set."""

    id: str
    name: str | None = None
    card: str | None = None
    role: str | None = None
    scope: str | None = None


class Target(Struct, frozen=True, omit_defaults=True):
    """Whom a change of membership, role or nickname concerns."""

    id: str
    name: str | None = None


class Mention(Struct, frozen=True, omit_defaults=True):
    """Somebody named with @; platforms that show only the name leave `id` out."""

    id: str | None = None
    name: str | None = None


class Change(Struct, frozen=True, omit_defaults=True):
    """What changed: `field` is card, name, role, owner, text, join, reason, or a later one; `seconds` of a mute."""

    field: str | None = None
    old: str | None = None
    new: str | None = None
    seconds: int | None = None
    reason: str | None = None


class MessageRef(Struct, frozen=True, omit_defaults=True):
    """Another message, by our id or, where a connector knows no more, by the platform's."""

    id: str | None = None
    native_id: str | None = None


class ReplyTo(Struct, frozen=True, omit_defaults=True):
    """The message replied to. What it quotes is never judged as the sender's own words."""

    id: str | None = None
    native_id: str | None = None
    quoted_sender: str | None = None
    quoted_text: str | None = None


class Link(Struct, frozen=True, omit_defaults=True, rename={"origin": "from"}):
    """A link; `origin` ("from" on the wire) says whether it stood in the text or came with a card."""

    url: str
    title: str | None = None
    origin: str | None = None


class Attachment(Struct, frozen=True, omit_defaults=True):
    """A file or picture; `size` in bytes."""

    kind: str = "file"
    name: str | None = None
    ext: str | None = None
    mime: str | None = None
    size: int | None = None
    md5: str | None = None


class Money(Struct, frozen=True, omit_defaults=True):
    """A red packet, transfer or voucher; `amount_fen` in hundredths of a yuan."""

    type: str
    wish: str | None = None
    count: int | None = None
    amount_fen: int | None = None


class Fact(Struct, frozen=True, omit_defaults=True):
    """Something the chat cannot show, stated by a person (`task.stated`)."""

    name: str
    value: Any = None
    person: str | None = None
    approver: str | None = None
    ref: str | None = None
    at: Any = None


class Observation(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One JSON object of the `observations` topic. Unknown fields, kinds and types are let through.

    `id` is the same for every delivery of the same observation. Only `clock.tick` lacks `id` and `group`. `forward` holds what
    was passed on, as the platform gave it: `forwarded_text` reads it.
    """

    type: str
    sent_at: Millis
    v: int = 1
    id: str = ""
    platform: str = "jsonl"
    account: str | None = None
    group: GroupRef | None = None
    sender: Sender | None = None
    target: Target | None = None
    change: Change | None = None
    received_at: Millis | None = None
    kind: str = "unknown"
    text: str | None = None
    reply_to: ReplyTo | None = None
    forward: Any = None
    mentions: tuple[Mention, ...] | None = None
    mention_all: bool | None = None
    links: tuple[Link, ...] | None = None
    attachments: tuple[Attachment, ...] | None = None
    money: Money | None = None
    edit_of: MessageRef | None = None
    recall_of: MessageRef | None = None
    native_id: str | None = None
    seq: str | int | None = None
    flags: tuple[str, ...] | None = None
    fact: Fact | None = None
    sanction_id: str | None = None

    @property
    def group_key(self) -> str:
        """The unit of order: `platform:group`."""
        return f"{self.platform}:{self.group.id}" if self.group else self.platform

    @property
    def origin_id(self) -> str:
        """The id of the message whose words these are: the original's, when this is an edit."""
        return self.edit_of.id if self.edit_of and self.edit_of.id else self.id

    @property
    def forwarded_text(self) -> str:
        """What others said that the sender passes on, a line each; platforms nest it, and any of its parts may be missing."""
        return "\n".join(_texts(self.forward, 0)) if self.forward else ""

    @property
    def is_message(self) -> bool:
        return self.type in MESSAGE_TYPES

    def group_time(self, appended_at: Millis | None = None) -> Millis:
        """When it counts as having happened: the sender's clock, at most 5 minutes ahead of the record's arrival.

        `appended_at` is the log's append time; without it `received_at` serves, and without that the sender's clock.
        """
        arrived = self.received_at if self.received_at is not None else appended_at
        return self.sent_at if arrived is None else min(self.sent_at, arrived + MAX_CLOCK_LEAD)


# Forwards inside forwards are read so deep.
_DEEPEST = 3


def _texts(forward: Any, depth: int) -> Iterator[str]:
    for one in forward if isinstance(forward, list) and depth < _DEEPEST else ():
        if isinstance(one, dict):
            if isinstance(one.get("text"), str):
                yield one["text"]
            yield from _texts(one.get("forward"), depth + 1)
