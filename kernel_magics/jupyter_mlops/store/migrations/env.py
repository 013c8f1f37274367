"""Runs migrations on the connection it is given: the caller's transaction is theirs."""

from alembic import context
from sqlmodel import SQLModel

from jupyter_mlops.store import tables  # noqa: F401  (fills the metadata)

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    transactional_ddl=False,
    render_as_batch=False,
)
context.run_migrations()
