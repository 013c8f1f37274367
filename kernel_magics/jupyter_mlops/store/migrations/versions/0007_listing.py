"""Models are found by an index of their texts; versions are archived, and held by duty."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlmodel import Session

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add the list of models with its index, what was archived and what is held; fill the list."""
    _listing()
    _archived()
    _holds()
    sqlite = op.get_bind().dialect.name == "sqlite"
    for statement in _SQLITE if sqlite else _POSTGRES:
        op.execute(sa.text(statement))
    _fill()


def _listing() -> None:
    op.create_table(
        "listing",
        sa.Column("model_id", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("versions", sa.Integer(), nullable=False),
        sa.Column("archived", sa.Boolean(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("data", sa.String(), nullable=False),
        sa.Column("features", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["model_id"], ["model.id"]),
        sa.ForeignKeyConstraint(["version_id"], ["version.id"]),
        sa.PrimaryKeyConstraint("model_id"),
    )
    op.create_index("ix_listing_newest", "listing", ["archived", "at", "version_id"])


def _archived() -> None:
    op.create_table(
        "archived",
        sa.Column("version_id", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("bundle", sa.String(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["version_id"], ["version.id"]),
        sa.PrimaryKeyConstraint("version_id"),
    )


def _holds() -> None:
    op.create_table(
        "hold",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("because", sa.Text(), nullable=False),
        sa.Column("actor", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.Column("released_at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_hold_subject", "hold", ["subject"])
    op.create_index(
        "ix_hold_standing",
        "hold",
        ["subject"],
        unique=True,
        sqlite_where=sa.text("released_at = ''"),
        postgresql_where=sa.text("released_at = ''"),
    )


_GONE = "INSERT INTO listing_grams (listing_grams, rowid, text) VALUES ('delete', OLD.model_id, OLD.text);"
_MADE = "INSERT INTO listing_grams (rowid, text) VALUES (NEW.model_id, NEW.text);"
_FTS5 = "text, content='listing', content_rowid='model_id', tokenize='trigram case_sensitive 1'"
_SQLITE = (
    f"CREATE VIRTUAL TABLE listing_grams USING fts5({_FTS5}, columnsize=0)",
    f"CREATE TRIGGER listing_made AFTER INSERT ON listing BEGIN {_MADE} END",
    f"CREATE TRIGGER listing_gone AFTER DELETE ON listing BEGIN {_GONE} END",
    f"CREATE TRIGGER listing_changed AFTER UPDATE OF text ON listing BEGIN {_GONE} {_MADE} END",
)
_POSTGRES = (
    """
    CREATE FUNCTION mlops_grams(said text) RETURNS tsvector LANGUAGE sql IMMUTABLE AS $$
        SELECT coalesce(array_to_tsvector(array_agg(DISTINCT gram)), CAST('' AS tsvector))
        FROM (
            SELECT letter || lead(letter, 1) OVER next || lead(letter, 2) OVER next AS gram
            FROM unnest(string_to_array(said, NULL)) WITH ORDINALITY AS of_said (letter, place)
            WINDOW next AS (ORDER BY place)
        ) AS threes
        WHERE gram IS NOT NULL
    $$
    """,
    "ALTER TABLE listing ADD COLUMN grams tsvector GENERATED ALWAYS AS (mlops_grams(text)) STORED",
    "CREATE INDEX ix_listing_grams ON listing USING gin (grams)",
)


def _fill() -> None:
    from jupyter_mlops.store.listing import refresh

    bound = op.get_bind()
    with Session(bound, join_transaction_mode="create_savepoint") as session:
        for model in session.scalars(sa.text("SELECT id FROM model ORDER BY id")).all():
            refresh(session, model)
        session.commit()
