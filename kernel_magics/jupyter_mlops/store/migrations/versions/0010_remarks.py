"""What people say of requests, and word of requests on its way to the webhook."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Add remarks, to which rows are only added; a message may tell of a request, not of an alert."""
    op.create_table(
        "remark",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("request_id", sa.Integer(), nullable=False),
        sa.Column("decision_id", sa.Integer(), nullable=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("actor", sa.JSON(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["request_id"], ["request.id"]),
        sa.ForeignKeyConstraint(["decision_id"], ["decision.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_remark_request_id", "remark", ["request_id"], unique=False)
    with op.batch_alter_table("delivery") as batch:  # it has no triggers that would be lost
        batch.alter_column("alert_id", existing_type=sa.Integer(), nullable=True)
        batch.add_column(sa.Column("request_id", sa.Integer(), nullable=True))
        batch.create_foreign_key("delivery_request_id_fkey", "request", ["request_id"], ["id"])
    sqlite = op.get_bind().dialect.name == "sqlite"
    for statement in _sqlite_triggers() if sqlite else _postgres_triggers():
        op.execute(statement)


def _sqlite_triggers() -> list[str]:
    refuse = "BEGIN SELECT RAISE(ABORT, 'remark is append-only'); END"
    return [
        f"CREATE TRIGGER remark_no_update BEFORE UPDATE ON remark {refuse}",
        f"CREATE TRIGGER remark_no_delete BEFORE DELETE ON remark {refuse}",
        (
            "CREATE TRIGGER remark_no_replace BEFORE INSERT ON remark "
            f"WHEN EXISTS (SELECT 1 FROM remark WHERE id IS NEW.id) {refuse}"
        ),
    ]


def _postgres_triggers() -> list[str]:
    return [
        (
            "CREATE TRIGGER remark_append_only BEFORE UPDATE OR DELETE ON remark "
            "FOR EACH ROW EXECUTE FUNCTION mlops_append_only()"
        ),
        (
            "CREATE TRIGGER remark_no_truncate BEFORE TRUNCATE ON remark "
            "FOR EACH STATEMENT EXECUTE FUNCTION mlops_append_only()"
        ),
    ]
