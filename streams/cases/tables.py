"""The tables that both databases have: views, outbox and pauses. A host's own tables stand beside its store.

Times are milliseconds since 1970; an offset is the place of the source record in its log or partition.
"""

import re

import sqlalchemy as sa

from models import digest

meta = sa.MetaData()

# PostgreSQL takes no index row above 2.7 kB, and a character has up to four bytes.
LONGEST_NAME = 600
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
# SQLite keeps 64 bits in any INTEGER, and only a column of that name is its own row id.
BIG = sa.Integer().with_variant(sa.BigInteger(), "postgresql")


class Words(sa.types.TypeDecorator[str]):
    """Text. What PostgreSQL cannot keep (NUL, half of a surrogate pair) becomes U+FFFD there."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> str | None:
        if value is None or dialect.name != "postgresql":
            return value
        return _UNSTORABLE.sub("\ufffd", value)


class Name(Words):
    """Text that is looked up. Too long for an index of PostgreSQL, a digest stands for it, in rows and in queries alike."""

    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> str | None:
        kept = super().process_bind_param(value, dialect)
        if kept is None or dialect.name != "postgresql" or len(kept) <= LONGEST_NAME:
            return kept
        return digest("w", kept)


outbox = sa.Table(
    "outbox",
    meta,
    sa.Column("id", Name, primary_key=True),
    sa.Column("group_key", Words, nullable=False),
    sa.Column("group_id", Words, nullable=False),
    sa.Column("pack", Words, nullable=False),
    sa.Column("clause", Words, nullable=False, server_default=""),
    # Counts against the budgets of sanctions, and is held by brakes.
    sa.Column("budgeted", sa.Boolean, nullable=False, server_default=sa.false()),
    # When something budgeted went out. Empty again where it turned out that it did not.
    sa.Column("sent_at", BIG, index=True),
    sa.Column("reverses", Name, index=True),
    sa.Column("status", Name, nullable=False, index=True),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("next_try_at", BIG, nullable=False),
    sa.Column("planned_at", BIG, nullable=False),
    sa.Column("max_age", BIG),
    sa.Column("appended_at", BIG, nullable=False),
    sa.Column("offset", BIG, nullable=False),
    sa.Column("detail", Words, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
)
verdicts = sa.Table(
    "verdicts",
    meta,
    sa.Column("id", Name, primary_key=True),
    sa.Column("group_id", Words, nullable=False),
    sa.Column("pack", Words, nullable=False),
    sa.Column("at", BIG, nullable=False),
    sa.Column("offset", BIG, nullable=False, index=True),
    sa.Column("body", sa.LargeBinary, nullable=False),
)
violations = sa.Table(
    "violations",
    meta,
    sa.Column("id", Name, primary_key=True),
    sa.Column("verdict", Name, nullable=False),
    sa.Column("clause", Words, nullable=False),
    # Whom it is about, of a message the account that wrote it; by it a member's verdicts are found.
    sa.Column("subject", Name, index=True),
    sqlite_with_rowid=False,
)
sanctions = sa.Table(
    "sanctions",
    meta,
    sa.Column("id", Name, primary_key=True),
    sa.Column("group_id", Words, nullable=False),
    sa.Column("subject", Name, nullable=False, index=True),
    sa.Column("kind", Words, nullable=False),
    sa.Column("at", BIG, nullable=False),
    sa.Column("offset", BIG, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
)
tasks = sa.Table(
    "tasks",
    meta,
    sa.Column("id", Name, primary_key=True),
    sa.Column("group_id", Words, nullable=False),
    sa.Column("status", Words, nullable=False),
    sa.Column("offset", BIG, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
)
reviews = sa.Table(
    "reviews",
    meta,
    sa.Column("id", Name, primary_key=True),
    sa.Column("group_id", Words, nullable=False),
    sa.Column("group_key", Words, nullable=False),
    sa.Column("subject", Words, nullable=False),
    sa.Column("kind", Words, nullable=False),
    sa.Column("on_id", Name, nullable=False, index=True),
    sa.Column("observation_id", Name, index=True),
    sa.Column("status", Words, nullable=False),
    sa.Column("at", BIG, nullable=False),
    sa.Column("offset", BIG, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
)
decisions = sa.Table(
    "decisions",
    meta,
    sa.Column("id", Name, primary_key=True),
    sa.Column("by", Words, nullable=False),
    sa.Column("on_id", Words, nullable=False),
    sa.Column("outcome", Words, nullable=False),
    sa.Column("at", BIG, nullable=False),
    sa.Column("offset", BIG, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
)
appeals = sa.Table(
    "appeals",
    meta,
    sa.Column("id", Name, primary_key=True),
    sa.Column("sanction_id", Words, nullable=False),
    sa.Column("subject", Words, nullable=False),
    sa.Column("at", BIG, nullable=False),
    sa.Column("offset", BIG, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
)
evidence = sa.Table(
    "evidence",
    meta,
    sa.Column("violation_id", Name, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("matched", Words, nullable=False),
    sa.Column("expires_at", BIG, nullable=False, index=True),
)
dead_letters = sa.Table(
    "dead_letters",
    meta,
    sa.Column("offset", BIG, primary_key=True, autoincrement=False),
    sa.Column("cause", Words, nullable=False),
    sa.Column("topic", Words, nullable=False),
    sa.Column("source_offset", BIG, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("at", BIG, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
)
# Dead letters that were handed in again, by their place: a replay does not bring them back. Bytes that die once more are
# known by their digest, and their tries add up.
redriven = sa.Table(
    "redriven",
    meta,
    sa.Column("partition", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("offset", BIG, primary_key=True, autoincrement=False),
    sa.Column("digest", Name, nullable=False, index=True),
    sa.Column("size", sa.Integer, nullable=False, index=True),
    sa.Column("at", BIG, nullable=False),
)
judged = sa.Table(
    "judged",
    meta,
    sa.Column("first", BIG, primary_key=True, autoincrement=False),
    sa.Column("last", BIG, nullable=False),
    sa.Column("count", sa.Integer, nullable=False),
    sa.Column("digest", Words, nullable=False),
)
groups_seen = sa.Table(
    "groups_seen",
    meta,
    sa.Column("key", Name, primary_key=True),
    sa.Column("name", Words, nullable=False),
    sa.Column("pack", Words, nullable=False),
    sa.Column("mode", Words, nullable=False),
    sa.Column("known", sa.Boolean, nullable=False),
    sa.Column("first_seen", BIG, nullable=False),
    # When something was last heard of it, to the hour; ticks come from ourselves.
    sa.Column("last_seen", BIG, nullable=False, server_default="0"),
)
unmeasured = sa.Table(
    "unmeasured",
    meta,
    sa.Column("offset", BIG, primary_key=True, autoincrement=False),
    sa.Column("category", Name, primary_key=True),
    sa.Column("observation_id", Name, nullable=False, index=True),
    sa.Column("at", BIG, nullable=False),
    sqlite_with_rowid=False,
)
pauses = sa.Table(
    "pauses",
    meta,
    sa.Column("scope", Name, primary_key=True),
    sa.Column("by", Words, nullable=False),
    sa.Column("reason", Words, nullable=False),
    sa.Column("since", BIG, nullable=False),
)
# When a scope was resumed last: from then on its sanctions are counted anew.
resumed = sa.Table(
    "resumed",
    meta,
    sa.Column("scope", Name, primary_key=True),
    sa.Column("at", BIG, nullable=False),
)
# What a shadow and the live edition have found of messages, and how many were compared. No text.
shadow = sa.Table(
    "shadow",
    meta,
    sa.Column("shadow", Name, primary_key=True),
    sa.Column("id", Name, primary_key=True),
    sa.Column("side", Words, nullable=False),
    sa.Column("pack", Words, nullable=False),
    sa.Column("clause", Words, nullable=False),
    sa.Column("category", Words, nullable=False),
    sa.Column("group_id", Words, nullable=False),
    sa.Column("live", Words, nullable=False),
    sa.Column("beside", Words, nullable=False),
    sa.Column("observation_id", Words, nullable=False),
    sa.Column("at", BIG, nullable=False, index=True),
    sa.Column("count", sa.Integer, nullable=False),
)

# What an agent may ask to have entered, by name.
ENTERED = {
    one.name: one
    for one in (
        verdicts,
        violations,
        sanctions,
        tasks,
        reviews,
        decisions,
        appeals,
        evidence,
        dead_letters,
        judged,
        groups_seen,
        outbox,
        unmeasured,
        pauses,
        resumed,
        shadow,
    )
}
# A second delivery keeps the first row; of these the newest wins.
REPLACED = frozenset({"sanctions", "groups_seen", "judged", "pauses", "resumed"})
