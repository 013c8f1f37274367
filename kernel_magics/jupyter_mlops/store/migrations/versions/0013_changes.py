"""Requests may ask for any change of what holds here, not only for a version to serve somewhere."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Let a request be without a version; it then holds the change itself."""
    op.add_column(
        "request", sa.Column("kind", sa.String(), nullable=False, server_default="version")
    )
    op.add_column("request", sa.Column("change", sa.Text(), nullable=False, server_default=""))
    if op.get_bind().dialect.name != "sqlite":
        op.alter_column("request", "version_id", existing_type=sa.Integer(), nullable=True)
        return
    _made_again()


def _made_again() -> None:
    """Make the table anew under its name: SQLite cannot take a NOT NULL back.

    What points to its rows waits until they are there again; that they are is checked in the end.
    Indexes and triggers go with a table, so they are read first and made again.
    """
    kept = list(
        op.get_bind().execute(
            sa.text(
                "SELECT sql FROM sqlite_master WHERE tbl_name = 'request' AND sql IS NOT NULL"
                " AND type IN ('index', 'trigger')"
            )
        )
    )
    made = (
        op.get_bind()
        .execute(sa.text("SELECT sql FROM sqlite_master WHERE name = 'request' AND type = 'table'"))
        .scalar_one()
    )
    now = made.replace("version_id INTEGER NOT NULL", "version_id INTEGER")
    op.execute("PRAGMA defer_foreign_keys=ON")
    op.execute("CREATE TABLE request_before AS SELECT * FROM request")
    op.execute("DROP TABLE request")
    op.execute(sa.text(now.replace(":", "\\:")))
    op.execute("INSERT INTO request SELECT * FROM request_before")
    op.execute("DROP TABLE request_before")
    for (sql,) in kept:
        op.execute(sa.text(sql.replace(":", "\\:")))
