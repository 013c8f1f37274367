"""Checks that people wrote themselves, each version of them kept."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the checks of one's own, to which rows are only added."""
    op.create_table(
        "own_check",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("model_id", sa.Integer(), nullable=True),
        sa.Column("at", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["model_id"], ["model.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name", "number"),
    )
    op.create_index("ix_own_check_name", "own_check", ["name"], unique=False)
    sqlite = op.get_bind().dialect.name == "sqlite"
    for statement in _sqlite_triggers() if sqlite else _postgres_triggers():
        op.execute(statement)


def _sqlite_triggers() -> list[str]:
    refuse = "BEGIN SELECT RAISE(ABORT, 'own_check is append-only'); END"
    return [
        f"CREATE TRIGGER own_check_no_update BEFORE UPDATE ON own_check {refuse}",
        f"CREATE TRIGGER own_check_no_delete BEFORE DELETE ON own_check {refuse}",
        (
            "CREATE TRIGGER own_check_no_replace BEFORE INSERT ON own_check "
            f"WHEN EXISTS (SELECT 1 FROM own_check WHERE id IS NEW.id) {refuse}"
        ),
    ]


def _postgres_triggers() -> list[str]:
    return [
        (
            "CREATE TRIGGER own_check_append_only BEFORE UPDATE OR DELETE ON own_check "
            "FOR EACH ROW EXECUTE FUNCTION mlops_append_only()"
        ),
        (
            "CREATE TRIGGER own_check_no_truncate BEFORE TRUNCATE ON own_check "
            "FOR EACH STATEMENT EXECUTE FUNCTION mlops_append_only()"
        ),
    ]
