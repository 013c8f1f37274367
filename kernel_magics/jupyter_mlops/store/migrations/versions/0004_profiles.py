"""Profiles that are brought up to date piece by piece, apart from the frozen references."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Move what is frozen to a table of its own, and have every sealed piece profiled once."""
    op.create_table(
        "reference",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("part", sa.String(), nullable=False),
        sa.Column("known_at", sa.String(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("columns", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["version_id"], ["version.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("version_id", "part"),
    )
    op.create_index("ix_reference_version_id", "reference", ["version_id"], unique=False)
    op.execute(
        "INSERT INTO reference (version_id, part, known_at, rows, columns) "
        "SELECT version_id, CASE part WHEN 'reference' THEN 'training' ELSE part END, "
        "known_at, rows, columns FROM profile WHERE deployment = '' ORDER BY id"
    )
    op.drop_table("profile")
    op.create_table(
        "profile",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("deployment", sa.String(), nullable=False),
        sa.Column("part", sa.String(), nullable=False),
        sa.Column("hour", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("known_at", sa.String(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("shown", sa.LargeBinary(), nullable=False),
        sa.Column("sums", sa.LargeBinary(), nullable=False),
        sa.Column("counts", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint(
            "deployment", "part", "hour", "version", "role", "known_at", name="profile_key"
        ),
    )
    op.create_table(
        "pending",
        sa.Column("part", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("deployment", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("part", "source"),
    )
    op.create_index("ix_pending_deployment", "pending", ["deployment"], unique=False)
    op.execute(
        "INSERT INTO pending (part, source, deployment) SELECT 'log', id, deployment FROM segment"
    )
