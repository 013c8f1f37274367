"""Gates and shares of rollouts, and the rules of a deployment."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add what a rollout goes through, and the rules that a deployment keeps to."""
    op.add_column("rollout", sa.Column("gate", sa.String(), nullable=False, server_default="swap"))
    op.add_column("rollout", sa.Column("share", sa.Float(), nullable=False, server_default="1"))
    op.create_table(
        "rules",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("deployment_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["deployment_id"], ["deployment.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("deployment_id", "number"),
    )
    op.create_index("ix_rules_deployment_id", "rules", ["deployment_id"], unique=False)
    sqlite = op.get_bind().dialect.name == "sqlite"
    for statement in _sqlite_triggers() if sqlite else _postgres_triggers():
        op.execute(statement)


def _sqlite_triggers() -> list[str]:
    refuse = "BEGIN SELECT RAISE(ABORT, 'rules is append-only'); END"
    return [
        f"CREATE TRIGGER rules_no_update BEFORE UPDATE ON rules {refuse}",
        f"CREATE TRIGGER rules_no_delete BEFORE DELETE ON rules {refuse}",
        (
            "CREATE TRIGGER rules_no_replace BEFORE INSERT ON rules "
            f"WHEN EXISTS (SELECT 1 FROM rules WHERE id IS NEW.id) {refuse}"
        ),
    ]


def _postgres_triggers() -> list[str]:
    return [
        (
            "CREATE TRIGGER rules_append_only BEFORE UPDATE OR DELETE ON rules "
            "FOR EACH ROW EXECUTE FUNCTION mlops_append_only()"
        ),
        (
            "CREATE TRIGGER rules_no_truncate BEFORE TRUNCATE ON rules "
            "FOR EACH STATEMENT EXECUTE FUNCTION mlops_append_only()"
        ),
    ]
