"""Whom a violation is about, so that all that is stored of a member is found."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

# As `Name` and `Words` write it. What is too long for an index is left out.
_BODIES = r"""SELECT id, replace(convert_from(body, 'UTF8'), '\u0000', U&'\FFFD')::json AS body FROM verdicts"""


def upgrade() -> None:
    op.add_column("violations", sa.Column("subject", sa.Text()))
    for found in ("violations", "uncertain"):
        op.execute(
            f"""UPDATE violations SET subject = found.subject FROM (
                    SELECT one ->> 'id' AS id, one -> 'subject' ->> 'id' AS subject
                    FROM ({_BODIES}) AS verdict, json_array_elements(verdict.body -> '{found}') AS one
                ) AS found
                WHERE violations.id = found.id AND violations.subject IS NULL AND length(found.subject) <= 600"""
        )
    op.execute(
        f"""UPDATE violations SET subject = (verdict.body ->> 'platform') || ':' || (verdict.body ->> 'sender')
            FROM ({_BODIES}) AS verdict
            WHERE verdict.id = violations.verdict AND violations.clause = '' AND violations.subject IS NULL
            AND length(verdict.body ->> 'sender') <= 500"""
    )
    op.create_index("ix_violations_subject", "violations", ["subject"])


def downgrade() -> None:
    op.drop_index("ix_violations_subject", "violations")
    op.drop_column("violations", "subject")
