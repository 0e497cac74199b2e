"""How alembic reaches the database: with the connection that shared/db/migrate.py hands over."""

from alembic import context

from shared.db.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, compare_type=True)
with context.begin_transaction():
    context.run_migrations()
