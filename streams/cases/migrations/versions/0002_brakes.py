"""What brakes count: clause, whether it is budgeted, when it went out, and when a scope was resumed."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("outbox", sa.Column("clause", sa.Text(), nullable=False, server_default=""))
    op.add_column("outbox", sa.Column("budgeted", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("outbox", sa.Column("sent_at", sa.BigInteger()))
    op.create_index("ix_outbox_sent_at", "outbox", ["sent_at"])
    op.create_table(
        "resumed",
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("scope"),
    )


def downgrade() -> None:
    op.drop_table("resumed")
    op.drop_index("ix_outbox_sent_at", "outbox")
    for name in ("sent_at", "budgeted", "clause"):
        op.drop_column("outbox", name)
