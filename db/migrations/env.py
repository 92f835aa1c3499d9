"""Runs migrations on the connection that `Store.upgrade` hands over, inside its transaction."""

from alembic import context

from moodmill.db.database.schema import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
