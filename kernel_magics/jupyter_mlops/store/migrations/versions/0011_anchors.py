"""Signed checkpoints of the audit log, and the places outside that hold them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Add checkpoints, to which rows are only added, and anchors."""
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "checkpoint",
        sa.Column("size", number, autoincrement=False, nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.Column("root", sa.String(), nullable=False),
        sa.Column("head", sa.String(), nullable=False),
        sa.Column("tree", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("size"),
    )
    op.create_table(
        "anchor",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("secret", sa.String(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.Column("size", number, nullable=False),
        sa.Column("notes", sa.Integer(), nullable=False),
        sa.Column("reached_at", sa.String(), nullable=False),
        sa.Column("tried_at", sa.String(), nullable=False),
        sa.Column("failure", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("address"),
    )
    sqlite = op.get_bind().dialect.name == "sqlite"
    for statement in _sqlite_triggers() if sqlite else _postgres_triggers():
        op.execute(statement)


def _sqlite_triggers() -> list[str]:
    refuse = "BEGIN SELECT RAISE(ABORT, 'checkpoint is append-only'); END"
    return [
        f"CREATE TRIGGER checkpoint_no_update BEFORE UPDATE ON checkpoint {refuse}",
        f"CREATE TRIGGER checkpoint_no_delete BEFORE DELETE ON checkpoint {refuse}",
        (
            "CREATE TRIGGER checkpoint_no_replace BEFORE INSERT ON checkpoint "
            f"WHEN EXISTS (SELECT 1 FROM checkpoint WHERE size IS NEW.size) {refuse}"
        ),
    ]


def _postgres_triggers() -> list[str]:
    return [
        (
            "CREATE TRIGGER checkpoint_append_only BEFORE UPDATE OR DELETE ON checkpoint "
            "FOR EACH ROW EXECUTE FUNCTION mlops_append_only()"
        ),
        (
            "CREATE TRIGGER checkpoint_no_truncate BEFORE TRUNCATE ON checkpoint "
            "FOR EACH STATEMENT EXECUTE FUNCTION mlops_append_only()"
        ),
    ]
