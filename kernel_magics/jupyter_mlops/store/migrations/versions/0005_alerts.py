"""Findings, the alerts that are made of them, and who outside hears of those."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add what watching finds, and where word of it is sent."""
    _evaluations()
    _alerts()
    _findings()
    _webhooks()


def _evaluations() -> None:
    op.create_table(
        "evaluation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("deployment_id", sa.Integer(), nullable=False),
        *_texts("start", "end"),
        sa.Column("findings", sa.Integer(), nullable=False),
        *_texts("at"),
        sa.ForeignKeyConstraint(["deployment_id"], ["deployment.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("deployment_id", "end"),
    )
    op.create_index("ix_evaluation_deployment_id", "evaluation", ["deployment_id"])


def _alerts() -> None:
    op.create_table(
        "alert",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("deployment_id", sa.Integer(), nullable=False),
        *_texts("part"),
        sa.Column("subject", sa.Text(), nullable=False),
        *_texts("severity", "state", "status", "why"),
        sa.Column("figures", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("causes", sa.JSON(none_as_null=True), nullable=False),
        *_texts("version", "since", "last_seen", "followed"),
        sa.Column("windows", sa.Integer(), nullable=False),
        sa.Column("quiet", sa.Integer(), nullable=False),
        *_texts("at", "acknowledged_by", "acknowledged_at"),
        sa.Column("comment", sa.Text(), nullable=False),
        *_texts("resolved_at"),
        sa.ForeignKeyConstraint(["deployment_id"], ["deployment.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    for column in ("deployment_id", "state", "at"):
        op.create_index(f"ix_alert_{column}", "alert", [column])
    op.create_index(
        "ix_alert_standing",
        "alert",
        ["deployment_id", "part", "subject"],
        unique=True,
        sqlite_where=sa.text("resolved_at = ''"),
        postgresql_where=sa.text("resolved_at = ''"),
    )


def _findings() -> None:
    op.create_table(
        "finding",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("deployment_id", sa.Integer(), nullable=False),
        sa.Column("alert_id", sa.Integer(), nullable=True),
        *_texts("part"),
        sa.Column("subject", sa.Text(), nullable=False),
        *_texts("status", "why"),
        sa.Column("figures", sa.JSON(none_as_null=True), nullable=False),
        *_texts("version", "start", "end", "at"),
        sa.ForeignKeyConstraint(["deployment_id"], ["deployment.id"]),
        sa.ForeignKeyConstraint(["alert_id"], ["alert.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("deployment_id", "part", "subject", "end"),
    )
    for column in ("deployment_id", "alert_id"):
        op.create_index(f"ix_finding_{column}", "finding", [column])


def _webhooks() -> None:
    op.create_table(
        "webhook",
        sa.Column("id", sa.Integer(), nullable=False),
        *_texts("name"),
        sa.Column("url", sa.Text(), nullable=False),
        *_texts("secret"),
        sa.Column("severities", sa.JSON(none_as_null=True), nullable=False),
        *_texts("at"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "delivery",
        sa.Column("id", sa.Integer(), nullable=False),
        *_texts("message"),
        sa.Column("alert_id", sa.Integer(), nullable=False),
        *_texts("event"),
        sa.Column("body", sa.Text(), nullable=False),
        *_texts("state"),
        sa.Column("attempts", sa.Integer(), nullable=False),
        *_texts("due_at", "outcome", "at"),
        sa.ForeignKeyConstraint(["alert_id"], ["alert.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("message"),
    )
    for column in ("alert_id", "state"):
        op.create_index(f"ix_delivery_{column}", "delivery", [column])


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.String(), nullable=False) for name in names]
