"""When something was last heard of a group."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("groups_seen", sa.Column("last_seen", sa.BigInteger(), nullable=False, server_default="0"))


def downgrade() -> None:
    op.drop_column("groups_seen", "last_seen")
