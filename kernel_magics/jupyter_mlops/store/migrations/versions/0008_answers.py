"""What people wrote into documents, each answer kept as it was given."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add the answers, to which rows are only added."""
    op.create_table(
        "answer",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("blank", sa.String(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("actor", sa.JSON(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["version_id"], ["version.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_answer_subject", "answer", ["subject"], unique=False)
    sqlite = op.get_bind().dialect.name == "sqlite"
    for statement in _sqlite_triggers() if sqlite else _postgres_triggers():
        op.execute(statement)


def _sqlite_triggers() -> list[str]:
    refuse = "BEGIN SELECT RAISE(ABORT, 'answer is append-only'); END"
    return [
        f"CREATE TRIGGER answer_no_update BEFORE UPDATE ON answer {refuse}",
        f"CREATE TRIGGER answer_no_delete BEFORE DELETE ON answer {refuse}",
        (
            "CREATE TRIGGER answer_no_replace BEFORE INSERT ON answer "
            f"WHEN EXISTS (SELECT 1 FROM answer WHERE id IS NEW.id) {refuse}"
        ),
    ]


def _postgres_triggers() -> list[str]:
    return [
        (
            "CREATE TRIGGER answer_append_only BEFORE UPDATE OR DELETE ON answer "
            "FOR EACH ROW EXECUTE FUNCTION mlops_append_only()"
        ),
        (
            "CREATE TRIGGER answer_no_truncate BEFORE TRUNCATE ON answer "
            "FOR EACH STATEMENT EXECUTE FUNCTION mlops_append_only()"
        ),
    ]
