"""Policies that people write, each version of them kept."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add the policies, to which rows are only added."""
    op.create_table(
        "policy_version",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("actor", sa.JSON(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name", "number"),
    )
    op.create_index("ix_policy_version_name", "policy_version", ["name"], unique=False)
    sqlite = op.get_bind().dialect.name == "sqlite"
    for statement in _sqlite_triggers() if sqlite else _postgres_triggers():
        op.execute(statement)


def _sqlite_triggers() -> list[str]:
    refuse = "BEGIN SELECT RAISE(ABORT, 'policy_version is append-only'); END"
    return [
        f"CREATE TRIGGER policy_version_no_update BEFORE UPDATE ON policy_version {refuse}",
        f"CREATE TRIGGER policy_version_no_delete BEFORE DELETE ON policy_version {refuse}",
        (
            "CREATE TRIGGER policy_version_no_replace BEFORE INSERT ON policy_version "
            f"WHEN EXISTS (SELECT 1 FROM policy_version WHERE id IS NEW.id) {refuse}"
        ),
    ]


def _postgres_triggers() -> list[str]:
    return [
        (
            "CREATE TRIGGER policy_version_append_only BEFORE UPDATE OR DELETE ON policy_version "
            "FOR EACH ROW EXECUTE FUNCTION mlops_append_only()"
        ),
        (
            "CREATE TRIGGER policy_version_no_truncate BEFORE TRUNCATE ON policy_version "
            "FOR EACH STATEMENT EXECUTE FUNCTION mlops_append_only()"
        ),
    ]
