"""What a shadow and the live edition have found of messages."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    words = ("side", "pack", "clause", "category", "group_id", "live", "beside", "observation_id")
    op.create_table(
        "shadow",
        sa.Column("shadow", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in words),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("shadow", "id"),
    )
    op.create_index("ix_shadow_at", "shadow", ["at"])


def downgrade() -> None:
    op.drop_table("shadow")
