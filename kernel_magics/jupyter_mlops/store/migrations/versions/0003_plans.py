"""The way that a rollout goes by itself."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the plan of a rollout; one that was begun before has none and is led by hand."""
    op.add_column("rollout", sa.Column("plan", sa.JSON(), nullable=False, server_default="{}"))
